//! A small HTTP server whose answers are given beforehand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use testkit::DEADLINE;

/// What a request has brought.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server that passes on each request.
pub(crate) struct Webhook {
    pub(crate) url: String,
    requests: Receiver<Request>,
}

impl Webhook {
    /// Answers the first requests with these status codes, and the rest with 200.
    pub(crate) fn start(statuses: &'static [u16]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), statuses)
    }

    pub(crate) fn on(listener: TcpListener, statuses: &'static [u16]) -> Self {
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
                let length = head.lines().find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                });
                let mut body = vec![0; length.unwrap_or(0)];
                stream.read_exact(&mut body).unwrap();
                let status = statuses.next().copied().unwrap_or(200);
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.get_mut().write_all(answer.as_bytes());
                let body = String::from_utf8(body).unwrap();
                if sender.send(Request { head, body }).is_err() {
                    return;
                }
            }
        });
        Self { url, requests }
    }

    /// Waits for the next request.
    #[track_caller]
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(DEADLINE).expect("a request")
    }
}

//! The HTTP request that becomes a WebSocket, and the answer to it (RFC 6455 §4).

use std::fmt::Write as _;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use rand::Rng as _;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::Failure;
use super::super::failure::printable;
use super::WebSocket;

/// The answer's headers, at most: who sends more is no broker.
const LARGEST_ANSWER: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Asks for a WebSocket; returns what has come after the answer.
pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    options: &WebSocket,
    address: &str,
    stream: &mut S,
) -> io::Result<BytesMut> {
    let mut nonce = [0; 16];
    rand::rng().fill_bytes(&mut nonce);
    let key = STANDARD.encode(nonce);
    stream
        .write_all(request(options, address, &key).as_bytes())
        .await?;
    stream.flush().await?;
    let mut answer = BytesMut::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(length) = check(&answer, options, &key)? {
            let _ = answer.split_to(length);
            return Ok(answer);
        }
    }
}

/// An end in the middle of it, which is what brokers have for protocols that they don't speak.
pub(super) fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        _ if Failure::is_in(&error) => error,
        kind @ (io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe) => Failure::temporary(
            kind,
            "the broker closed the connection during the WebSocket handshake (does it speak WebSocket on this port?)",
        ),
        _ => error,
    }
}

fn request(options: &WebSocket, address: &str, key: &str) -> String {
    let mut request = format!("GET {} HTTP/1.1\r\n", options.path);
    let own_host = options
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"));
    if !own_host {
        let _ = write!(request, "Host: {address}\r\n");
    }
    let _ = write!(
        request,
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: {key}\r\n"
    );
    for (name, value) in &options.headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    request + "\r\n"
}

/// Returns the length of the answer's head, once it is whole and says yes.
pub(super) fn check(answer: &[u8], options: &WebSocket, key: &str) -> io::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(answer) {
        Ok(httparse::Status::Complete(length)) if length <= LARGEST_ANSWER => length,
        Ok(httparse::Status::Partial) if answer.len() < LARGEST_ANSWER => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Failure::permanent(
                "the answer to the WebSocket request has too many headers",
            ));
        }
        Err(_) => {
            return Err(Failure::permanent(
                "the answer to the WebSocket request is not HTTP (does the broker speak WebSocket on this port?)",
            ));
        }
    };
    let code = response.code.unwrap_or_default();
    if code != 101 {
        return Err(refused(code, response.reason.unwrap_or_default(), options));
    }
    let values = |wanted: &'static str| {
        let headers = response.headers.iter();
        headers
            .filter(move |header| header.name.eq_ignore_ascii_case(wanted))
            .map(|header| header.value.trim_ascii())
    };
    let lists = |name: &'static str, word: &[u8]| {
        values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|part| part.trim_ascii().eq_ignore_ascii_case(word))
    };
    let wrong = |what: &str| {
        Err(Failure::permanent(format!(
            "the answer to the WebSocket request {what}"
        )))
    };
    if !lists("upgrade", b"websocket") || !lists("connection", b"upgrade") {
        return wrong("does not switch to WebSocket");
    }
    let expected = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
    if !values("sec-websocket-accept").eq([expected.as_bytes()]) {
        return wrong("has a wrong Sec-WebSocket-Accept");
    }
    if values("sec-websocket-extensions").any(|value| !value.is_empty()) {
        return wrong("uses an extension that was not offered");
    }
    match (
        values("sec-websocket-protocol").next(),
        options.path.as_str(),
    ) {
        (Some(b"mqtt"), _) => Ok(Some(length)),
        (None, path) => wrong(&format!(
            "does not choose the protocol `mqtt`: nobody speaks MQTT at the path `{path}` (--ws-path)"
        )),
        (Some(other), _) => wrong(&format!(
            "chooses the protocol `{}`, and `mqtt` was offered",
            printable(other)
        )),
    }
}

fn refused(code: u16, reason: &str, options: &WebSocket) -> io::Error {
    let reason = printable(reason.as_bytes());
    let space = if reason.is_empty() { "" } else { " " };
    let hint = match code {
        401 | 403 => " (--ws-header 'Authorization: …' says who asks)".into(),
        404 => format!(
            " (is the path `{}` right? --ws-path says another)",
            options.path
        ),
        300..=399 => " (it wants to be asked elsewhere)".into(),
        _ => String::new(),
    };
    let text = format!("the WebSocket request is answered with {code}{space}{reason}{hint}");
    // What lies with the server may pass; so may being asked too often.
    if code >= 500 || code == 429 {
        return Failure::temporary(io::ErrorKind::ConnectionRefused, text);
    }
    Failure::permanent(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    /// RFC 6455's own example, with our protocol.
    const YES: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
                       Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

    fn read(answer: &str) -> Result<Option<usize>, String> {
        check(answer.as_bytes(), &WebSocket::default(), KEY).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(answer: &str, expected: &str) {
        assert_eq!(read(answer).unwrap_err(), expected);
    }

    #[test]
    fn the_request_is_http() {
        let options = WebSocket {
            path: "/x?y".into(),
            headers: vec![("Origin".into(), "http://a".into())],
        };
        assert_eq!(
            request(&options, "[::1]:7", KEY),
            "GET /x?y HTTP/1.1\r\nHost: [::1]:7\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://a\r\n\r\n"
        );
        let options = WebSocket {
            headers: vec![("host".into(), "front".into())],
            ..WebSocket::default()
        };
        let request = request(&options, "b:7", KEY);
        assert!(request.contains("host: front\r\n") && !request.contains("b:7"));
    }

    #[test]
    fn an_answer_is_taken_once_it_is_whole() {
        for end in 1..YES.len() {
            assert_eq!(read(&YES[..end]), Ok(None), "{end}");
        }
        assert_eq!(read(YES), Ok(Some(YES.len())));
        assert_eq!(read(&format!("{YES}\x02\x00")), Ok(Some(YES.len())));
        let lower = YES.to_lowercase().replace(
            "s3pplmbitxaq9kygzzhzrbk+xoo=",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        );
        assert_eq!(
            read(&lower.replacen("http", "HTTP", 1)),
            Ok(Some(YES.len()))
        );
    }

    #[test]
    fn another_answer_is_named() {
        let no_http = "the answer to the WebSocket request is not HTTP (does the broker speak WebSocket on this port?)";
        refused("\x20\x02\x00\x00", no_http);
        refused("SSH-2.0-OpenSSH\r\n", no_http);
        refused(
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "the WebSocket request is answered with 404 Not Found (is the path `/mqtt` right? --ws-path says another)",
        );
        refused(
            "HTTP/1.1 401\r\n\r\n",
            "the WebSocket request is answered with 401 (--ws-header 'Authorization: …' says who asks)",
        );
        refused(
            "HTTP/1.1 200 OK\r\n\r\n",
            "the WebSocket request is answered with 200 OK",
        );
        let switch = "the answer to the WebSocket request does not switch to WebSocket";
        refused(&YES.replace("WebSocket\r", "h2c\r"), switch);
        refused(&YES.replace("keep-alive, Upgrade", "keep-alive"), switch);
        refused("HTTP/1.1 101 x\r\n\r\n", switch);
        refused(
            &YES.replace("s3pP", "S3pP"),
            "the answer to the WebSocket request has a wrong Sec-WebSocket-Accept",
        );
        refused(
            &YES.replace(": mqtt", ": chat"),
            "the answer to the WebSocket request chooses the protocol `chat`, and `mqtt` was offered",
        );
        refused(
            &YES.replace("Sec-WebSocket-Protocol: mqtt\r\n", ""),
            "the answer to the WebSocket request does not choose the protocol `mqtt`: nobody speaks MQTT at the path `/mqtt` (--ws-path)",
        );
        refused(
            &YES.replace(
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            ),
            "the answer to the WebSocket request uses an extension that was not offered",
        );
    }

    #[test]
    fn an_answer_without_end_is_cut_short() {
        let too_many = "the answer to the WebSocket request has too many headers";
        refused(
            &format!("HTTP/1.1 101 x\r\n{}", "a: b\r\n".repeat(65)),
            too_many,
        );
        refused(
            &format!("HTTP/1.1 101 x\r\na: {}", "b".repeat(LARGEST_ANSWER)),
            too_many,
        );
        let large = YES.replace(
            "mqtt\r\n",
            &format!("mqtt\r\na: {}\r\n", "b".repeat(LARGEST_ANSWER)),
        );
        refused(&large, too_many);
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let error =
            |answer: &str| check(answer.as_bytes(), &WebSocket::default(), KEY).unwrap_err();
        assert!(!Failure::is_permanent_in(&error(
            "HTTP/1.1 503 Busy\r\n\r\n"
        )));
        assert!(!Failure::is_permanent_in(&error(
            "HTTP/1.1 429 Slow\r\n\r\n"
        )));
        assert!(Failure::is_permanent_in(&error("HTTP/1.1 404 No\r\n\r\n")));
    }
}

//! A SOCKS5 proxy.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A SOCKS5 proxy on a free port of 127.0.0.1 or `::1`, with or without a password. It records
/// what it was asked for. Ends with the test's process.
#[derive(Debug)]
pub struct SocksProxy {
    address: IpAddr,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl SocksProxy {
    /// Starts a proxy on 127.0.0.1 that asks for no password.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), None)
    }

    /// Starts a proxy that allows only this user.
    #[track_caller]
    pub fn with_password(name: &str, password: &str) -> Self {
        let user = Some((name.to_owned(), password.to_owned()));
        Self::start_on(Ipv4Addr::LOCALHOST.into(), user)
    }

    /// Starts a proxy on `::1`, for this user only if one is given.
    #[track_caller]
    pub fn on_ipv6(user: Option<(&str, &str)>) -> Self {
        let user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
        Self::start_on(Ipv6Addr::LOCALHOST.into(), user)
    }

    #[track_caller]
    fn start_on(address: IpAddr, user: Option<(String, String)>) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a free port");
        let port = listener
            .local_addr()
            .expect("a listener has an address")
            .port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let proxy = Self {
            address,
            port,
            asked: Arc::clone(&asked),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (user, asked) = (user.clone(), Arc::clone(&asked));
                // What fails here shows at the client.
                thread::spawn(move || serve(client, user.as_ref(), &asked).ok());
            }
        });
        proxy
    }

    /// Returns its URL, without a password.
    pub fn url(&self) -> String {
        self.url_as("")
    }

    /// Returns its URL with this text, such as `NAME:PASSWORD@`, before the host.
    pub fn url_as(&self, user: &str) -> String {
        match self.address {
            IpAddr::V4(address) => format!("socks5h://{user}{address}:{}", self.port),
            IpAddr::V6(address) => format!("socks5h://{user}[{address}]:{}", self.port),
        }
    }

    /// Returns what it was asked for so far: `name localhost:1883`, `ipv4 127.0.0.1:1883` or `ipv6
    /// ::1:1883`.
    pub fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn serve(
    mut client: TcpStream,
    user: Option<&(String, String)>,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let [_version, count] = read(&mut client)?;
    let methods = read_many(&mut client, count)?;
    let method = if user.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, method])?;
    if let Some((name, password)) = user {
        let [_version, length] = read(&mut client)?;
        let given_name = read_many(&mut client, length)?;
        let [length] = read(&mut client)?;
        let given_password = read_many(&mut client, length)?;
        let right = given_name == name.as_bytes() && given_password == password.as_bytes();
        client.write_all(&[1, u8::from(!right)])?;
        if !right {
            return Ok(());
        }
    }
    let [_version, _command, _reserved, kind] = read(&mut client)?;
    let (kind, host) = match kind {
        1 => ("ipv4", Ipv4Addr::from(read::<4>(&mut client)?).to_string()),
        4 => ("ipv6", Ipv6Addr::from(read::<16>(&mut client)?).to_string()),
        _ => {
            let [length] = read(&mut client)?;
            let name = read_many(&mut client, length)?;
            ("name", String::from_utf8_lossy(&name).into_owned())
        }
    };
    let port = u16::from_be_bytes(read(&mut client)?);
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(format!("{kind} {host}:{port}"));
    let Ok(server) = TcpStream::connect((host.as_str(), port)) else {
        return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    // A name as the bound address: the longest form of a reply.
    client.write_all(b"\x05\x00\x00\x03\x05proxy\x00\x07")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = io::copy(&mut from_server, &mut to_client);
    to_client.shutdown(Shutdown::Both)
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_many(stream: &mut TcpStream, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

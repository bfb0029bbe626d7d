//! Answers as the mongos of a sharded cluster would, and notes what it is asked. It has no shards,
//! and keeps nothing.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::command::{document, element, number, text, truth};

const OP_MSG: i32 = 2013;
/// The names of the command with which a driver greets.
const HELLO: [&str; 3] = ["hello", "isMaster", "ismaster"];

/// A scripted mongos.
#[derive(Debug)]
pub struct ScriptedMongos {
    port: u16,
    asked: Arc<Mutex<Vec<MongosCommand>>>,
}

/// A command that a [`ScriptedMongos`] got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongosCommand {
    /// The command's name, such as `insert`.
    pub name: String,
    /// The command itself, in BSON.
    pub body: Vec<u8>,
    /// The documents that came beside it, such as those of an insert, in BSON.
    pub documents: Vec<Vec<u8>>,
}

/// How it answers.
#[derive(Clone, Copy)]
struct Script {
    /// `hello` says that it is a mongos.
    is_mongos: bool,
    /// The command that fails, and with which code.
    fails: Option<(&'static str, i32)>,
}

impl ScriptedMongos {
    /// Starts one that does everything.
    #[track_caller]
    pub fn start() -> Self {
        Self::run(Script {
            is_mongos: true,
            fails: None,
        })
    }

    /// Starts one that answers the command of this name with an error code.
    #[track_caller]
    pub fn refusing(name: &'static str, code: i32) -> Self {
        Self::run(Script {
            is_mongos: true,
            fails: Some((name, code)),
        })
    }

    /// Starts one that says that it is a single server.
    #[track_caller]
    pub fn single_server() -> Self {
        Self::run(Script {
            is_mongos: false,
            fails: None,
        })
    }

    #[track_caller]
    fn run(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        // It ends with the process: the driver of a test closes its connections late, if at all.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || serve(stream, script, &notes));
            }
        });
        Self { port, asked }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}", self.port)
    }

    /// Returns what it was asked, apart from `hello` and the ends of sessions.
    pub fn commands(&self) -> Vec<MongosCommand> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }
}

fn serve(mut stream: TcpStream, script: Script, notes: &Mutex<Vec<MongosCommand>>) {
    while let Ok((id, command)) = read(&mut stream) {
        let reply = script.reply(&command);
        let is_hello = HELLO.contains(&&*command.name) || command.name == "endSessions";
        if !is_hello {
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.push(command);
        }
        if write(&mut stream, id, &reply).is_err() {
            return;
        }
    }
}

impl Script {
    fn reply(self, command: &MongosCommand) -> Vec<u8> {
        let ok = || element(0x01, "ok", &1_f64.to_le_bytes());
        if let Some((name, code)) = self.fails
            && name == command.name
        {
            return document(&[
                element(0x01, "ok", &0_f64.to_le_bytes()),
                number("code", code),
                text("errmsg", "it is scripted"),
            ]);
        }
        match &*command.name {
            name if HELLO.contains(&name) => {
                let mut elements = vec![
                    truth("ismaster"),
                    truth("isWritablePrimary"),
                    truth("helloOk"),
                    number("maxBsonObjectSize", 16 << 20),
                    number("maxMessageSizeBytes", 48_000_000),
                    number("maxWriteBatchSize", 100_000),
                    number("minWireVersion", 0),
                    number("maxWireVersion", 17),
                    element(0x09, "localTime", &1_i64.to_le_bytes()),
                    ok(),
                ];
                if self.is_mongos {
                    elements.push(text("msg", "isdbgrid"));
                }
                document(&elements)
            }
            "listCollections" | "find" | "aggregate" => {
                let cursor = document(&[
                    element(0x12, "id", &0_i64.to_le_bytes()),
                    text("ns", "iot_service.sensors"),
                    element(0x04, "firstBatch", &document(&[])),
                ]);
                document(&[element(0x03, "cursor", &cursor), ok()])
            }
            _ => {
                let count = i32::try_from(command.documents.len()).expect("few documents");
                document(&[number("n", count), ok()])
            }
        }
    }
}

/// Reads an `OP_MSG`; returns its number and the command in it.
fn read(stream: &mut TcpStream) -> io::Result<(i32, MongosCommand)> {
    let mut head = [0; 16];
    stream.read_exact(&mut head)?;
    let field = |at: usize| i32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(field(12), OP_MSG, "the driver sends OP_MSG only");
    let mut rest = vec![0; usize::try_from(field(0)).expect("a length") - head.len()];
    stream.read_exact(&mut rest)?;
    let has_checksum = rest[0] & 1 != 0;
    let end = rest.len() - if has_checksum { 4 } else { 0 };
    let mut sections = &rest[4..end];
    let (mut body, mut documents) = (Vec::new(), Vec::new());
    while let Some((kind, section)) = sections.split_first() {
        let (section, after) = section.split_at(length(section));
        sections = after;
        if *kind == 0 {
            body = section.to_vec();
            continue;
        }
        // Its length, and the name of the field, in which no document can be missing.
        let name = section[4..].iter().position(|byte| *byte == 0);
        let mut sequence = &section[4 + name.expect("a name") + 1..];
        while !sequence.is_empty() {
            let (document, after) = sequence.split_at(length(sequence));
            documents.push(document.to_vec());
            sequence = after;
        }
    }
    let name = body[5..]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let command = MongosCommand {
        name: String::from_utf8_lossy(name).into_owned(),
        body,
        documents,
    };
    Ok((field(4), command))
}

/// Returns the length that begins these bytes.
fn length(bytes: &[u8]) -> usize {
    let length = bytes[..4].try_into().expect("four bytes");
    usize::try_from(i32::from_le_bytes(length)).expect("a length")
}

fn write(stream: &mut TcpStream, to: i32, reply: &[u8]) -> io::Result<()> {
    let length = i32::try_from(reply.len() + 21).expect("a small reply");
    let head = [length, 1, to, OP_MSG, 0].map(i32::to_le_bytes).concat();
    stream.write_all(&[&head[..], &[0], reply].concat())
}

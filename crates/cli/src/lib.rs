//! What the programs share: the options of the connection, where options come from, what is printed
//! on stderr, and the signals that end a program.

mod advice;
mod clock;
mod connect;
mod credentials;
mod duration;
mod error;
mod generate;
mod help;
mod help_check;
mod host;
mod merge;
mod mosquitto;
mod notices;
mod option_file;
mod origin;
mod parser;
mod password_prompt;
mod printable;
mod printer;
mod property;
mod read;
mod report;
mod session;
mod signals;
mod time;
mod tls;
mod transport;
mod typed;
mod unsupported;
mod url;
mod usage;
mod variables;
mod verbosity;
mod will;

pub use clock::wait_for_clock;
pub use connect::ConnectArgs;
pub use duration::parse_duration;
pub use error::{Interrupted, UsageError};
#[doc(hidden)]
pub use help_check::help_faults;
pub use iot_core::error::io_reason;
pub use mosquitto::is_on as is_mosquitto;
pub use notices::Notices;
pub use origin::{Layer, Origins};
pub use printable::{make_printable, printable};
pub use printer::{Printer, stdout_failure};
pub use property::{PacketKind, PacketProperties};
pub use read::{Stop, read};
pub use report::{notify, report};
pub use session::SessionArgs;
pub use signals::Signals;
pub use time::{ParsedTime, parse_time, parse_unix_time};
pub use verbosity::{Verbosity, debug, debug_line, is_quiet, print_packet};

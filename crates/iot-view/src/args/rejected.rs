//! The options of `rejected`.

use clap::Parser;
use clap::builder::BoolishValueParser;
use iot_cli::CommandArgs;
use iot_store::ReadingId;

use super::period::PeriodArgs;
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view rejected --since 24h
  iot-view rejected --list
  iot-view rejected --payload 69297d03a1b2c3d4e5f60708 | xxd
";

/// Print what was not stored, grouped by reason
#[derive(Debug, Parser)]
#[command(name = "rejected", before_help = EXAMPLES)]
pub(crate) struct RejectedArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) period: PeriodArgs,

    /// Print each rejected message instead of groups, the latest first
    #[arg(long, env = "IOT_LIST", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "payload")]
    pub(crate) list: bool,

    /// Write the bytes of the payload of message ID to stdout
    #[arg(long, env = "IOT_REJECTED_PAYLOAD", hide_env_values = true)]
    #[arg(value_name = "ID", value_parser = id, help_heading = "Output")]
    pub(crate) payload: Option<ReadingId>,

    /// Print each line as a JSON object
    #[arg(long, env = "IOT_JSON", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "payload")]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

fn id(text: &str) -> Result<ReadingId, String> {
    const WANTED: &str = "an id has 24 hex digits (--list prints them)";
    let is_hex = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; 12];
    if !is_hex {
        return Err(WANTED.into());
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = &text[2 * at..2 * at + 2];
        *byte = u8::from_str_radix(digits, 16).map_err(|_| WANTED)?;
    }
    Ok(bytes.into())
}

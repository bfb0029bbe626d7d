//! The options of `plot`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use iot_cli::CommandArgs;

use super::filter::FilterArgs;
use super::period::PeriodArgs;
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view plot home/kitchen/temp
  iot-view plot 'home/+/temp' home/power --since 7d -o week.svg
  iot-view plot 'home/#' --since 2026-06-21 --until 2026-06-21 -o day.png
";

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
/// Draw readings as curves on the terminal, or as a picture
#[derive(Debug, Parser)]
#[command(name = "plot", before_help = EXAMPLES)]
pub(crate) struct PlotArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) period: PeriodArgs,

    /// Draw to FILE.svg or FILE.png instead of the terminal
    #[arg(short, long, env = "IOT_PLOT_OUTPUT", hide_env_values = true)]
    #[arg(value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Set the title [default: the FILTERs]
    #[arg(long, env = "IOT_TITLE", hide_env_values = true)]
    #[arg(value_name = "TEXT", help_heading = "Output")]
    pub(crate) title: Option<String>,

    /// Set the size of the picture in pixels: WIDTHxHEIGHT, or WIDTH, which chooses a height
    #[arg(long, env = "IOT_SIZE", hide_env_values = true)]
    #[arg(value_name = "SIZE", default_value = "960", help_heading = "Output")]
    #[arg(hide_short_help = true)]
    pub(crate) size: Size,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    /// `None` for as much as there is to show.
    pub(crate) height: Option<usize>,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str =
            "a size is WIDTH or WIDTHxHEIGHT, from 200 to 10000 pixels, as in 960x480";
        let pixels = |text: &str| {
            let number = text.parse().ok();
            number
                .filter(|number| (200..=10_000).contains(number))
                .ok_or(WANTED)
        };
        Ok(match text.split_once('x') {
            Some((width, height)) => Self {
                width: pixels(width)?,
                height: Some(pixels(height)?),
            },
            None => Self {
                width: pixels(text)?,
                height: None,
            },
        })
    }
}

//! `plot`: curves on the terminal, or as a picture.

mod braille;
mod canvas;
mod curve;
mod draw_picture;
mod draw_terminal;
mod glyphs;
mod labels;
mod panel;
mod picture;
mod png;
mod raster;
mod scale;
mod svg;
mod time_axis;

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, TimeDelta, Utc};
use iot_cli::{Moment, Origins, Timezone, UsageError, notify};
use iot_store::read::{Reader, Series, TimeRange};

use self::curve::Curve;
use self::panel::panels;
use self::picture::Picture;
use self::raster::Raster;
use self::svg::Svg;
use crate::args::PlotArgs;
use crate::open::open;
use crate::replacement::{self, Replacement};
use crate::screen;
use crate::series::selected;
use crate::{stdout, unmatched};

/// More would hide each other.
const MOST_CURVES: usize = 24;

/// Where it is drawn.
enum Target<'a> {
    Terminal,
    Svg(&'a Path),
    Png(&'a Path),
}

/// Draws the curves.
pub(crate) fn run(args: &PlotArgs, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    let target = target(args.output.as_deref())?;
    // A file that cannot be written is an error before anything is read and drawn.
    if let Some(path) = &args.output {
        replacement::check(path)?;
    }
    let now = iot_store::now();
    let day = Moment::Ago(std::time::Duration::from_secs(86_400));
    let period = args.period.period(now, Some(day), origins)?;
    let filters = args.filter.filters();
    let mut reader = open(&args.store)?;
    let all = selected(&mut *reader, &filters, false)?;
    let unmatched = unmatched::lines(&mut *reader, &filters, &all)?;
    if all.is_empty() {
        bail!("{}", unmatched.join("; "));
    }
    for line in &unmatched {
        notify("iot-view", line);
    }
    let columns = match target {
        Target::Terminal => screen::size().0 * 2,
        Target::Svg(_) | Target::Png(_) => args.size.width,
    };
    let since = period.since.unwrap_or(now);
    let until = end(period.until, &all, now);
    let range = TimeRange {
        since: Some(since),
        until: Some(until),
    };
    let (curves, left_out) = curves(&mut *reader, &all, range, columns)?;
    if curves.is_empty() {
        return Err(nothing(&all, &period.zone));
    }
    if left_out > 0 {
        let line = format!("{left_out} more series are not drawn: name fewer by a FILTER");
        notify("iot-view", &line);
    }
    let names: Vec<String> = filters.iter().map(ToString::to_string).collect();
    let picture = Picture {
        title: args.title.clone().unwrap_or_else(|| match &names[..] {
            [all] if all == "#" => "All series".to_owned(),
            names => names.join(", "),
        }),
        since,
        until,
        zone: period.zone,
        panels: panels(curves),
    };
    let pixels = draw_picture::pixels(&picture, args.size);
    match target {
        Target::Terminal => stdout::print_lines(&draw_terminal::lines(&picture, has_colours()))?,
        Target::Svg(path) => {
            let mut svg = Svg::new(pixels.0, pixels.1);
            draw_picture::draw(&picture, pixels, &mut svg);
            write(path, svg.finish().as_bytes())?;
        }
        Target::Png(path) => {
            let mut raster = Raster::new(pixels.0, pixels.1);
            draw_picture::draw(&picture, pixels, &mut raster);
            write(path, &png::encode(&raster)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn target(path: Option<&Path>) -> Result<Target<'_>, UsageError> {
    let Some(path) = path else {
        return Ok(Target::Terminal);
    };
    match path.extension().and_then(OsStr::to_str) {
        Some(end) if end.eq_ignore_ascii_case("svg") => Ok(Target::Svg(path)),
        Some(end) if end.eq_ignore_ascii_case("png") => Ok(Target::Png(path)),
        _ => Err(UsageError::new(format!(
            "a picture is FILE.svg or FILE.png, and `{}` is neither",
            path.display()
        ))),
    }
}

/// Returns where the picture ends: now, or with the last reading if that is later, as the times of
/// a program are that stores local time.
fn end(until: Option<DateTime<Utc>>, all: &[Series], now: DateTime<Utc>) -> DateTime<Utc> {
    let last = all.iter().filter_map(|one| Some(one.last.as_ref()?.time));
    until.unwrap_or_else(|| {
        let last = last.max();
        let behind = last.and_then(|last| last.checked_add_signed(TimeDelta::milliseconds(1)));
        behind.map_or(now, |behind| behind.max(now))
    })
}

/// Returns the curves that have numbers, and how many more there are.
fn curves(
    reader: &mut dyn Reader,
    all: &[Series],
    range: TimeRange,
    columns: usize,
) -> Result<(Vec<Curve>, usize)> {
    let mut curves = Vec::new();
    let mut left_out = 0;
    for one in all {
        if one
            .last
            .as_ref()
            .is_some_and(|last| range.since.is_some_and(|since| last.time < since))
        {
            continue;
        }
        if curves.len() == MOST_CURVES {
            left_out += 1;
            continue;
        }
        curves.extend(curve::read(reader, one, range, columns)?);
    }
    Ok((curves, left_out))
}

/// Returns the error of a period without numbers, with what there is.
fn nothing(all: &[Series], zone: &Timezone) -> anyhow::Error {
    let latest = all.iter().filter_map(|one| one.last.as_ref());
    let Some(latest) = latest.max_by_key(|latest| latest.time) else {
        return anyhow!("there are no readings to draw");
    };
    let time = zone.local_time(latest.time).format("%F %H:%M");
    if latest.value.as_number().is_none() {
        return anyhow!(
            "there are no numbers to draw: the latest reading ({time}) is text or JSON (`iot-sub --decode leaves` stores the numbers in JSON as series)"
        );
    }
    anyhow!("there are no numbers in that period: the latest reading is of {time} (see --since)")
}

fn has_colours() -> bool {
    let is_off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !is_off
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let (mut file, replacement) = replacement::create(path)?;
    let cannot = || format!("cannot write `{}`", path.display());
    let written = file.write_all(bytes);
    written.map_err(replacement::reason).with_context(cannot)?;
    replacement.map_or(Ok(()), Replacement::replace)
}

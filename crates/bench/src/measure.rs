//! What the system reports about a process, and about the machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Returns the processor time that a process has used, all its threads together.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("an odd /proc/PID/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|field| field.parse().unwrap_or(0)).sum();
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis(ticks * 1_000 / per_second))
}

/// Returns how many bytes of this process are in memory.
pub fn resident() -> Result<u64> {
    memory("self", "VmRSS:")
}

/// Returns how many bytes of a process are in memory: now, and at most since its start or
/// [`forget_peak`].
pub fn resident_of(pid: u32) -> Result<(u64, u64)> {
    let pid = pid.to_string();
    Ok((memory(&pid, "VmRSS:")?, memory(&pid, "VmHWM:")?))
}

/// Resets the peak of the memory that a process had.
pub fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn memory(process: &str, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u64 = kilobytes.context("no such field")?.parse()?;
    Ok(kilobytes * 1024)
}

/// Returns what kind of machine this is, in one line.
pub fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{cpus} processors ({model}), Linux {}, load {load} before the start",
        kernel.trim()
    )
}

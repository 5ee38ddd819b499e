//! No core file: what crashes must not leave its keys behind.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};

/// From here on a crash leaves no file with the keys that were in memory, and nobody else's debugger reads them.
pub(super) fn leave_none() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot forbid core files")?;
    not_dumpable().context("cannot forbid core files")
}

/// Where a program takes cores over a pipe no limit counts, but this does.
#[cfg(target_os = "linux")]
fn not_dumpable() -> rustix::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

#[cfg(not(target_os = "linux"))]
fn not_dumpable() -> rustix::io::Result<()> {
    Ok(())
}

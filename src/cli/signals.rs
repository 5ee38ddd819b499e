//! Being asked to end: Ctrl-C, `kill`, a closed terminal. Whoever waits for this can tidy up before it goes.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first of the three. From the call on they end the process no more. Must be called inside a tokio runtime.
pub(super) fn end() -> io::Result<impl Future<Output = ()>> {
    let [mut int, mut term, mut hup] =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    Ok(async move {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    })
}

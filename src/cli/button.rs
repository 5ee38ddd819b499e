//! What was pressed in StreamCo's app: the title, and which button; and where that app runs.

use std::net::SocketAddr;

use anyhow::{Result, bail};

/// The port that StreamCo's app listens on unless told otherwise.
pub(super) const APP_PORT: u16 = 4848;

/// A button of StreamCo's app.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Button {
    /// What is recommended
    #[arg(long)]
    pub(super) title: String,
    /// On which kind of device the button was
    #[arg(long, default_value = "web", value_parser = ["tv", "web", "phone"])]
    pub(super) interface: String,
    /// Where on it: post-play, details, search, home …
    #[arg(long, default_value = "details")]
    pub(super) surface: String,
    /// Which make of the button is tried
    #[arg(long, default_value = "A")]
    pub(super) variant: String,
    /// Where StreamCo's app listens
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from(([127, 0, 0, 1], APP_PORT)))]
    app: SocketAddr,
}

impl Button {
    /// Where StreamCo's app listens: on this machine.
    pub(super) fn app(&self) -> Result<SocketAddr> {
        if !self.app.ip().is_loopback() {
            bail!(
                "{} is not this machine, and StreamCo's app runs on this one; use --app 127.0.0.1:{}",
                self.app,
                self.app.port()
            );
        }
        Ok(self.app)
    }
}

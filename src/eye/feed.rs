//! The feed: every sighting as a server-sent event, and a summary whenever the page could not follow.
//!
//! Question: how is a page right that came late, was asleep, or is too slow?
//! It gets the tally first, which counts everything up to a number, and then the sightings after it. A page that comes back names
//! the last number it has; a page that falls behind the bounded feed gets a new summary instead of a gap. Nothing is kept per page.
//!
//! ```text
//! event: summary   data: the tally, and how many rows cannot be shown any more
//! id: 17           data: a row          counted by the page if 17 > summary.last, else only shown
//! ```
//!
//! Source: HTML Living Standard, "Server-sent events".

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Row;
use crate::relay::{Relay, Sighting, Tally};

/// After how long a browser tries again when the line has broken.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
pub(super) struct Resume {
    /// The same as `Last-Event-ID`, for a page that had to open a new stream.
    #[serde(default)]
    after: u64,
}

#[derive(Serialize)]
struct Summary<'a> {
    tally: &'a Tally,
    /// Rows between the last one the page has and the first one that is kept.
    missed: u64,
}

pub(super) async fn events(
    State(relay): State<Relay>,
    headers: HeaderMap,
    Query(Resume { after }): Query<Resume>,
) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(after);
    let viewer = Viewer::new(relay, last);
    let events = stream::unfold(viewer, |mut viewer| async {
        let event = viewer.next().await?;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// One page that watches.
struct Viewer {
    relay: Relay,
    /// The last number that was sent.
    last: u64,
    ready: VecDeque<Event>,
    feed: Receiver<Sighting>,
}

impl Viewer {
    fn new(relay: Relay, last: u64) -> Self {
        let (tally, kept, feed) = relay.sightings().summary(last);
        let mut viewer = Self { relay, last, ready: VecDeque::new(), feed };
        viewer.start_over(&tally, &kept);
        viewer
    }

    /// The summary, and what is kept after the last number. Nothing is sent twice, and what is lost is counted.
    fn start_over(&mut self, tally: &Tally, kept: &[Sighting]) {
        if self.last > tally.last {
            self.last = 0; // of another relay, see Sightings
        }
        let oldest = kept.first().map_or(tally.last + 1, |sighting| sighting.n);
        let missed = if self.last == 0 { 0 } else { oldest.saturating_sub(self.last + 1) };
        self.ready.push_back(event("summary", &Summary { tally, missed }).retry(RETRY));
        for sighting in kept {
            self.sighting(sighting);
        }
    }

    fn sighting(&mut self, sighting: &Sighting) {
        if sighting.n > self.last {
            self.last = sighting.n;
            self.ready.push_back(event("message", &Row::from(sighting)).id(sighting.n.to_string()));
        }
    }

    /// None when the relay has gone.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.feed.recv().await {
                Ok(sighting) => self.sighting(&sighting),
                Err(RecvError::Lagged(_)) => {
                    let (tally, kept, feed) = self.relay.sightings().summary(self.last);
                    self.feed = feed;
                    self.start_over(&tally, &kept);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn event(kind: &str, data: &impl Serialize) -> Event {
    let json = serde_json::to_string(data).expect("plain data with text keys");
    Event::default().event(kind).data(json)
}

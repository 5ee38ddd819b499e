//! The live stream: a user's messages as they pass.
//!
//! Question: who finds out first that Alice has written, Bob or the company?
//! Both at the same moment: the relay's dispatcher tells whoever listens as soon as the message is stored. The gate is asked again
//! twice a second, so that a stream ends soon after its token, its agreement or the user's connection does.
//!
//! ```text
//! id: 42                     resumed by Last-Event-ID
//! data: {"seq":42,"from":"alice","to":"bob",…}
//! ```

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::gate::{Grant, Platform};
use super::inbox::InboxMessage;
use super::problem::{Problem, Refusals};
use crate::relay::{ArchivedMessage, Sighting};
use crate::wire::{Payload, UserId};

/// How often the gate is asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// Messages that are fetched at once for somebody who is behind, and perhaps does not read them.
const AT_ONCE: u32 = 16;

/// A user's messages as they pass, as server-sent events.
#[utoipa::path(get, path = "/partner/v1/users/{user}/stream", tag = "inbox", security(("partner" = ["inbox.read"])),
    params(("user" = String, Path), ("Last-Event-ID" = Option<u64>, Header, description = "Everything after this number first")),
    responses((status = 200, content_type = "text/event-stream", body = String), Refusals))]
pub(super) async fn stream(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
) -> Result<Response, Problem> {
    let (grant, user) = platform.admit_to(&headers, &uri, super::scope::Scope::InboxRead, &user).await?;
    let (_, feed) = platform.relay.sightings().since(u64::MAX);
    let last = match headers.get("last-event-id") {
        None => None,
        Some(id) => {
            let number = id.to_str().ok().and_then(|id| id.parse().ok());
            Some(number.ok_or_else(|| Problem::bad("Last-Event-ID is the number of a message"))?)
        }
    };
    let newest = platform.archive.newest().await?;
    let (last, behind) = (last.unwrap_or(newest), last.is_some());
    let mut again = interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let closing = platform.relay.closing();
    let follower = Follower { platform, grant, user, last, behind, ready: VecDeque::new(), feed, again, closing };
    let events = stream::unfold(follower, |mut follower| async {
        let message = follower.next().await?;
        let data = serde_json::to_string(&message).expect("a message is plain data with text keys");
        let event = Event::default().id(message.seq.to_string()).data(data);
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

struct Follower {
    platform: Platform,
    grant: Grant,
    user: UserId,
    /// The number of the last message that was looked at.
    last: u64,
    /// Whether what comes next is in the archive and not in the feed.
    behind: bool,
    ready: VecDeque<InboxMessage>,
    feed: Receiver<Sighting>,
    again: Interval,
    closing: watch::Receiver<bool>,
}

impl Follower {
    async fn next(&mut self) -> Option<InboxMessage> {
        loop {
            // What was fetched before is not given to somebody who may see it no longer.
            let due = self.again.tick().now_or_never().is_some();
            if due && !self.platform.still(&self.grant, &self.user).await {
                return None;
            }
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if self.behind {
                self.catch_up().await?;
                continue;
            }
            let seen = tokio::select! {
                biased;
                _ = self.closing.wait_for(|closing| *closing) => return None,
                _ = self.again.tick() => None,
                seen = self.feed.recv() => Some(seen),
            };
            match seen {
                None if self.platform.still(&self.grant, &self.user).await => {}
                Some(Ok(sighting)) => self.saw(sighting),
                Some(Err(RecvError::Lagged(_))) => self.behind = true,
                None | Some(Err(RecvError::Closed)) => return None,
            }
        }
    }

    /// Messages that the feed does not have any more, or never had.
    async fn catch_up(&mut self) -> Option<()> {
        if !self.platform.still(&self.grant, &self.user).await {
            return None;
        }
        let found = self.platform.archive.messages(&self.user, None, self.last, AT_ONCE).await.ok()??;
        self.behind = found.len() == usize::try_from(AT_ONCE).unwrap_or(0);
        self.last = found.last().map_or(self.last, |message| message.seq);
        self.ready.extend(found.into_iter().filter_map(InboxMessage::of));
        Some(())
    }

    fn saw(&mut self, sighting: Sighting) {
        let Sighting { n, id: _, at, from, to, size, payload } = sighting;
        if n <= self.last || (from != self.user && to != self.user) {
            return;
        }
        self.last = n;
        let (sealed, size) = (matches!(payload, Payload::Sealed(_)), u64::try_from(size).unwrap_or(u64::MAX));
        let message = ArchivedMessage { seq: n, from, to, at, sealed, size, payload: Some(payload) };
        self.ready.extend(InboxMessage::of(message));
    }
}

//! Notifications on their way: one after the other per invoice, failed ones again after ten minutes.
//!
//! As recorded: a failure does not hold the next one back, a silence does; a retry sends the old bytes,
//! possibly after newer ones; there are six tries; a restart forgets everything that waits.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Room;
use super::deliver::{self, Carrier};
use super::notification::Notification;

/// How often a notification is tried.
const TRIES: u8 = 6;
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(20);
/// Lines of the log that are kept.
const LOG: usize = 1000;

/// A notification with its address.
#[derive(Debug, Clone)]
pub struct Letter {
    invoice: String,
    url: url::Url,
    notification: Notification,
    tries: u8,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Letter>,
    busy: bool,
}

#[derive(Default)]
struct Inner {
    queues: HashMap<String, Queue>,
    later: Vec<(i64, Letter)>,
    /// Counts restarts: what was on its way before one is forgotten.
    life: u64,
    log: VecDeque<String>,
}

/// Everything that waits to be sent.
#[derive(Default)]
pub struct Post {
    inner: Mutex<Inner>,
    bell: Notify,
    carrier: Carrier,
}

impl Post {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes notifications of an invoice; an address that is none sends nothing and tells nobody.
    pub fn put(&self, invoice: &str, url: &str, notifications: Vec<Notification>) {
        let Some(url) = deliver::address(url) else { return };
        let letters = notifications.into_iter().map(|notification| Letter {
            invoice: invoice.to_owned(),
            url: url.clone(),
            notification,
            tries: 0,
        });
        self.inner().queues.entry(invoice.to_owned()).or_default().waiting.extend(letters);
        self.bell.notify_one();
    }

    /// Forgets everything that waits, as a restart of BTCPay does.
    pub fn restart(&self) {
        let mut inner = self.inner();
        inner.life += 1;
        inner.later.clear();
        inner.queues.values_mut().for_each(|queue| queue.waiting.clear());
    }

    /// What was sent and what failed, in BTCPay's words, the oldest first.
    pub fn log(&self) -> Vec<String> {
        self.inner().log.iter().cloned().collect()
    }

    /// Notifications that are on their way or wait: for the one before them, or for their next try.
    pub fn waiting(&self) -> usize {
        let inner = self.inner();
        let queued = |queue: &Queue| queue.waiting.len() + usize::from(queue.busy);
        inner.later.len() + inner.queues.values().map(queued).sum::<usize>()
    }

    /// Puts failed ones whose time has come back into their queues.
    fn wake(&self, now_ms: i64) {
        let mut inner = self.inner();
        let (due, later) = std::mem::take(&mut inner.later).into_iter().partition(|(at, _)| *at <= now_ms);
        inner.later = later;
        let due: Vec<(i64, Letter)> = due;
        for (_, letter) in due {
            inner.queues.entry(letter.invoice.clone()).or_default().waiting.push_back(letter);
        }
    }

    /// Invoices whose queue nobody works on; they are then worked on.
    fn idle(&self) -> Vec<String> {
        let mut inner = self.inner();
        let idle = inner.queues.iter_mut().filter(|(_, queue)| !queue.busy && !queue.waiting.is_empty());
        idle.map(|(invoice, queue)| {
            queue.busy = true;
            invoice.clone()
        })
        .collect()
    }

    /// The next letter of an invoice and the life it belongs to; None ends the work on its queue.
    fn next(&self, invoice: &str) -> Option<(Letter, u64)> {
        let mut inner = self.inner();
        let life = inner.life;
        let next = inner.queues.get_mut(invoice)?.waiting.pop_front();
        if next.is_none() {
            inner.queues.remove(invoice);
        }
        next.map(|letter| (letter, life))
    }

    fn done(&self, letter: Letter, life: u64, outcome: Result<(), String>, again_ms: i64) {
        let mut inner = self.inner();
        let (name, invoice) = (&letter.notification.name, &letter.invoice);
        inner.log.push_back(match &outcome {
            Ok(()) => format!("IPN ({name}) sent for invoice {invoice}"),
            Err(why) => format!("Error while sending IPN ({name}) for invoice {invoice}: {why}"),
        });
        if inner.log.len() > LOG {
            inner.log.pop_front();
        }
        if outcome.is_err() && letter.tries + 1 < TRIES && inner.life == life {
            inner.later.push((again_ms, Letter { tries: letter.tries + 1, ..letter }));
        }
    }
}

/// Lets the time act and carries letters out, until `stop`.
pub async fn run(room: Room, stop: CancellationToken) {
    loop {
        room.catch_up();
        room.post().wake(room.now_ms());
        for invoice in room.post().idle() {
            let (room, stop) = (room.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = work(&room, &invoice) => {}
                }
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = room.post().bell.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn work(room: &Room, invoice: &str) {
    while let Some((letter, life)) = room.post().next(invoice) {
        let (patience, pause) =
            (room.options().notification_timeout_ms, room.options().notification_retry_ms);
        let end = room.now_ms() + patience;
        let sending = room.post().carrier.send(&letter.url, &letter.notification.body);
        let outcome = tokio::select! {
            outcome = sending => outcome,
            () = until(room, end) => Err("Timeout".to_owned()),
        };
        room.post().done(letter, life, outcome, room.now_ms() + pause);
    }
}

/// Waits until the clock says `ms`.
async fn until(room: &Room, ms: i64) {
    while room.now_ms() < ms {
        tokio::time::sleep(TICK).await;
    }
}

//! One task writes. Whatever waits is put into one transaction and made durable by one commit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Executor, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::{LedgerError, sqlite};

/// Jobs that may wait; more wait in line before the channel.
const QUEUE: usize = 1024;
/// Jobs in one commit.
const GROUP: usize = 128;

type Work<'c> = Pin<Box<dyn Future<Output = Result<(), LedgerError>> + Send + 'c>>;

/// A write that can be done again: a failed group is undone and each of its jobs tried alone.
trait Job: Send {
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> Work<'c>;
    fn answer(self: Box<Self>, committed: Result<(), LedgerError>);
}

struct Task<T, F> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: for<'c> FnMut(
            &'c mut SqliteConnection,
        ) -> Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'c>>
        + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> Work<'c> {
        Box::pin(async move {
            self.value = Some((self.work)(connection).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), LedgerError>) {
        let value = self.value.ok_or(LedgerError::Closing);
        // The one who asked may have gone; the write stands all the same.
        let _ = self.reply.send(committed.and(value));
    }
}

enum Message {
    Job(Box<dyn Job>),
    /// Take nothing more; the sender is dropped when all is done.
    Close(#[expect(dead_code, reason = "dropping it is the answer")] oneshot::Sender<()>),
}

/// The way to the writing task.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Message>,
    pool: SqlitePool,
    commits: Arc<AtomicU64>,
    ending: Ending,
}

/// How each transaction ends that went well.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// It stays.
    Commit,
    /// Whoever asked is told that it was done, and it is undone.
    Undo,
}

impl Ending {
    fn sql(self) -> &'static str {
        match self {
            Self::Commit => "COMMIT",
            Self::Undo => "ROLLBACK",
        }
    }
}

impl Writer {
    pub(super) fn start(pool: SqlitePool, ending: Ending) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        tokio::spawn(write(pool.clone(), waiting, Arc::clone(&commits), ending));
        Self { jobs, pool, commits, ending }
    }

    /// Runs `work` inside a transaction; durable when this returns Ok.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: for<'c> FnMut(
                &'c mut SqliteConnection,
            ) -> Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'c>>
            + Send
            + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { work, value: None, reply });
        self.jobs.send(Message::Job(job)).await.map_err(|_| LedgerError::Closing)?;
        answer.await.map_err(|_| LedgerError::Closing)?
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether nothing stays of what is written.
    pub(super) fn undoes(&self) -> bool {
        matches!(self.ending, Ending::Undo)
    }

    /// The one connection that writes.
    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Does what is queued, takes nothing more, and closes the connection.
    pub(super) async fn close(&self) {
        let (done, finished) = oneshot::channel();
        if self.jobs.send(Message::Close(done)).await.is_ok() {
            // Never sent, only dropped: at the end of the task, however it ends.
            let _ = finished.await;
        }
        self.pool.close().await;
    }
}

async fn write(
    pool: SqlitePool,
    mut waiting: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
    ending: Ending,
) {
    let mut messages = Vec::with_capacity(GROUP);
    let mut group = Vec::with_capacity(GROUP);
    let mut closers = Vec::new();
    while waiting.recv_many(&mut messages, GROUP).await > 0 {
        for message in messages.drain(..) {
            match message {
                Message::Job(job) => group.push(job),
                closer @ Message::Close(_) => {
                    waiting.close();
                    closers.push(closer);
                }
            }
        }
        commit(&pool, &mut group, &commits, ending).await;
    }
}

async fn commit(pool: &SqlitePool, group: &mut Vec<Box<dyn Job>>, commits: &AtomicU64, ending: Ending) {
    if group.is_empty() {
        return;
    }
    match transact(pool, group, ending).await {
        Ok(()) => {
            commits.fetch_add(1, Ordering::Relaxed);
            group.drain(..).for_each(|job| job.answer(Ok(())));
        }
        Err(error) if group.len() == 1 => {
            group.drain(..).for_each(|job| job.answer(Err(error.clone())));
        }
        Err(_) => alone(pool, group, commits, ending).await,
    }
}

/// One bad job must not fail the others.
async fn alone(pool: &SqlitePool, group: &mut Vec<Box<dyn Job>>, commits: &AtomicU64, ending: Ending) {
    for job in group.drain(..) {
        let mut single = vec![job];
        let outcome = transact(pool, &mut single, ending).await;
        if outcome.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        single.into_iter().for_each(|job| job.answer(outcome.clone()));
    }
}

async fn transact(pool: &SqlitePool, group: &mut [Box<dyn Job>], ending: Ending) -> Result<(), LedgerError> {
    let mut connection = pool.acquire().await.map_err(sqlite::error)?;
    let outcome = attempt(&mut connection, group, ending).await;
    if outcome.is_err() && connection.execute("ROLLBACK").await.is_err() {
        // On a full disk SQLite has rolled back by itself, and nobody knows where this connection
        // stands (nor would sqlx's own transaction: it fails ever after). The pool opens another.
        let _ = connection.close().await;
    }
    outcome
}

async fn attempt(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Job>],
    ending: Ending,
) -> Result<(), LedgerError> {
    connection.execute(sqlite::BEGIN).await.map_err(sqlite::error)?;
    for job in group {
        job.run(connection).await?;
    }
    connection.execute(ending.sql()).await.map(drop).map_err(sqlite::error)
}

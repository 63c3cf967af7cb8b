//! One task writes. Whatever waits is put into one transaction and made durable by one commit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{SqliteConnection, SqlitePool};
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

/// The way to the writing task.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    pool: SqlitePool,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        tokio::spawn(write(pool.clone(), waiting, Arc::clone(&commits)));
        Self { jobs, pool, commits }
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
        self.jobs.send(job).await.map_err(|_| LedgerError::Closing)?;
        answer.await.map_err(|_| LedgerError::Closing)?
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn write(pool: SqlitePool, mut waiting: mpsc::Receiver<Box<dyn Job>>, commits: Arc<AtomicU64>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        match transact(&pool, &mut group).await {
            Ok(()) => {
                commits.fetch_add(1, Ordering::Relaxed);
                group.drain(..).for_each(|job| job.answer(Ok(())));
            }
            Err(error) if group.len() == 1 => {
                group.drain(..).for_each(|job| job.answer(Err(error.clone())));
            }
            Err(_) => alone(&pool, &mut group, &commits).await,
        }
    }
}

/// One bad job must not fail the others.
async fn alone(pool: &SqlitePool, group: &mut Vec<Box<dyn Job>>, commits: &AtomicU64) {
    for job in group.drain(..) {
        let mut single = vec![job];
        let outcome = transact(pool, &mut single).await;
        if outcome.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        single.into_iter().for_each(|job| job.answer(outcome.clone()));
    }
}

async fn transact(pool: &SqlitePool, group: &mut [Box<dyn Job>]) -> Result<(), LedgerError> {
    let mut transaction = pool.begin().await.map_err(sqlite::error)?;
    for job in group {
        job.run(&mut transaction).await?;
    }
    transaction.commit().await.map_err(sqlite::error)
}

//! The operating system's wish to stop, as a stream of names.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Stop signals, oldest first.
#[derive(Debug)]
pub struct Signals(mpsc::Receiver<&'static str>);

impl Signals {
    /// Listens to SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn install() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (send, receive) = mpsc::channel(4);
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if send.send(name).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self(receive))
    }

    /// Signals that come from the program itself, for tests and for commands that end by themselves.
    #[must_use]
    pub fn scripted() -> (mpsc::Sender<&'static str>, Self) {
        let (send, receive) = mpsc::channel(4);
        (send, Self(receive))
    }

    /// The next signal; waits for ever when no more can come.
    pub async fn next(&mut self) -> &'static str {
        match self.0.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}

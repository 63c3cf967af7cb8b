//! One payferry serves on a ledger: two would tell shops everything twice.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::LedgerError;

const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Held while a payferry serves; the system gives it back however the process ends.
///
/// The lock is on a file beside the ledger: opening and closing the ledger itself would drop SQLite's own locks.
#[derive(Debug)]
pub struct ServingLock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl ServingLock {
    /// Takes the lock of the ledger of that path, and leaves the process id in it for people.
    ///
    /// # Errors
    /// [`LedgerError::Served`] while another one serves; [`LedgerError::Unavailable`].
    pub fn take(ledger: &Path) -> Result<Self, LedgerError> {
        super::sqlite::make_folder(ledger)?;
        let path = lock_file(ledger);
        let trouble = |error| LedgerError::Unavailable(format!("{}: {error}", path.display()));
        let mut file = OpenOptions::new();
        let file = file.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = file.map_err(trouble)?;
        let mut attempts = 0..ATTEMPTS;
        while let Err(error) = file.try_lock() {
            let TryLockError::WouldBlock = error else {
                return Err(LedgerError::Unavailable(format!("{}: {error}", path.display())));
            };
            // A command that only asks holds it for a moment.
            if attempts.next().is_some() {
                std::thread::sleep(BETWEEN_ATTEMPTS);
            } else {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(LedgerError::Served(holder.trim().chars().take(20).collect()));
            }
        }
        // Only for people: on a full disk payferry serves all the same.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }

    /// Whether somebody serves on the ledger now.
    #[must_use]
    pub fn is_taken(ledger: &Path) -> bool {
        match File::open(lock_file(ledger)) {
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            // Of another user: somebody made it to serve.
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }
}

fn lock_file(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".serving");
    PathBuf::from(name)
}

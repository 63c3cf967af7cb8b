//! A disk that can be filled: a tmpfs that only one run of one test can see.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Not `PAYFERRY_…`: the program would take it for a key of its configuration.
const FOLDER: &str = "SMALL_DISK_OF_TESTS";

/// The folder of a disk of `size` ("2m") for the test of that name.
///
/// The first time there is none: the test is then run once more in a mount namespace that has one,
/// must succeed there, and is over when this returns None.
pub fn small_disk(test: &str, size: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(PathBuf::from(folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && exec \"$@\"");
    let ran = unshare()
        .args(["sh", "-c", &script])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "on the small disk: {said}");
    assert!(said.contains("1 passed"), "the test {test:?} was not found: {said}");
    None
}

/// `unshare` for a mount namespace, as root or with a user namespace.
fn unshare() -> Command {
    for flags in ["-m", "-rm"] {
        let mut command = Command::new("unshare");
        command.args([flags, "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().expect("unshare (util-linux) is needed; see tools/needs.sh").success() {
            let mut command = Command::new("unshare");
            command.arg(flags);
            return command;
        }
    }
    panic!("this machine makes no mount namespace: run as root or allow user namespaces");
}

/// Writes a file until nothing more fits; removing it makes room again.
pub fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("ballast");
    let mut file = File::create(&path).unwrap();
    for size in [64 * 1024, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    path
}

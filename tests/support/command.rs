//! The operator at the command line: the real binary, one command at a time.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tokio::task::block_in_place;

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The one line of JSON on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.stdout.lines().count(), 1, "not one line: {self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// Said on stderr.
    #[track_caller]
    pub fn said(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "nothing of {words:?}: {self:?}");
        self
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payferry"));
    command.current_dir(folder).args(words);
    command
}

/// Runs a command in the folder of a `payferry.toml`, to its end. The test's runtime must have
/// several threads where the command talks to a sandbox in it.
pub fn payferry(folder: &Path, words: &[&str]) -> Done {
    let run = || command(folder, words).output().expect("payferry starts");
    match tokio::runtime::Handle::try_current() {
        Ok(_) => block_in_place(run),
        Err(_) => run(),
    }
    .into()
}

/// A command that is still running.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(folder: &Path, words: &[&str]) -> Self {
        let mut command = command(folder, words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("payferry starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdout }
    }

    /// The next line on stdout that contains these words.
    pub fn line_with(&mut self, words: &str) -> String {
        block_in_place(|| {
            let mut line = String::new();
            while self.stdout.read_line(&mut line).expect("stdout can be read") > 0 {
                if line.contains(words) {
                    return line.trim().to_owned();
                }
                line.clear();
            }
            panic!("it ended without a line with {words:?}");
        })
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill can be run");
        assert!(sent.success());
    }

    /// Waits for its end; stdout is what was not read yet.
    pub fn end(mut self) -> Done {
        block_in_place(|| {
            let (mut stdout, mut stderr) = (String::new(), String::new());
            self.stdout.read_to_string(&mut stdout).expect("stdout can be read");
            let told = self.child.stderr.as_mut().expect("it is piped");
            told.read_to_string(&mut stderr).expect("stderr can be read");
            Done { code: self.child.wait().expect("it ends").code(), stdout, stderr }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! payferry as a process of its own, for stories in which it dies or is watched from outside.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// An address that is free, and that the system gives to nobody who does not ask for it by number: it is
/// below the ports of outgoing connections. Each process begins at another one.
pub fn free_address() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    loop {
        let number = first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(10_000 + number).unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// `payferry serve`; ended when it is dropped.
pub struct Process(Child);

impl Process {
    /// Starts the binary and waits until it listens.
    pub fn serve(config: &Path, address: SocketAddr, failpoint: Option<&str>) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_payferry")), config, address, failpoint)
    }

    /// The same under another program: strace with its arguments.
    pub fn serve_under(mut program: Command, config: &Path, address: SocketAddr) -> Self {
        program.arg(env!("CARGO_BIN_EXE_payferry"));
        Self::run(program, config, address, None)
    }

    fn run(mut command: Command, config: &Path, address: SocketAddr, failpoint: Option<&str>) -> Self {
        let log = config.with_file_name("payferry.log");
        let lines = File::create(&log).unwrap();
        command.arg("--config").arg(config).arg("serve");
        command.stdout(lines.try_clone().unwrap()).stderr(lines);
        command.env_remove("PAYFERRY_FAILPOINT");
        if let Some(failpoint) = failpoint {
            command.env("PAYFERRY_FAILPOINT", failpoint);
        }
        let mut process = Self(command.spawn().expect("payferry can be started"));
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = process.0.try_wait().unwrap();
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "payferry ended before it listened: {ended:?} {}", said());
            assert!(started.elapsed() < Duration::from_secs(20), "payferry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        process
    }

    /// kill -9, as a power cut or the kernel's memory killer would end it.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, within ten seconds.
    pub fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "payferry goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

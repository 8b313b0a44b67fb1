//! The log, in Redis's own format: `PID:ROLE DAY MON YEAR TIME.MS LEVEL message`.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic;
use std::sync::Mutex;

use crate::config::values::Loglevel;
use jiff::Zoned;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// Writes each record as one line.
pub(crate) struct Logger {
    out: Mutex<Box<dyn Write + Send>>,
}

impl Logger {
    /// Makes this the program's log.
    ///
    /// # Errors
    /// when there is one already.
    pub(crate) fn install(
        out: Box<dyn Write + Send>,
        level: Loglevel,
    ) -> Result<(), log::SetLoggerError> {
        log::set_boxed_logger(Box::new(Logger {
            out: Mutex::new(out),
        }))?;
        set_level(level);
        Ok(())
    }
}

/// Logs what is at least so important from now on.
pub(crate) fn set_level(level: Loglevel) {
    log::set_max_level(match level {
        Loglevel::Debug => LevelFilter::Trace,
        Loglevel::Verbose => LevelFilter::Debug,
        Loglevel::Notice => LevelFilter::Info,
        Loglevel::Warning => LevelFilter::Warn,
        Loglevel::Nothing => LevelFilter::Off,
    });
}

/// Writes panics into the log, as Redis does its own failures: what it was, and where.
pub(crate) fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("it does not say why");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        log::error!("=== REDIS BUG REPORT START: Cut & paste starting from here ===");
        log::error!("------------------------------------------------");
        log::error!("!!! Software Failure. Press left mouse button to continue");
        log::error!("Guru Meditation: {message} #{place}");
        log::error!("------ STACK TRACE ------\n{}", Backtrace::force_capture());
    }));
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mark = match record.level() {
            Level::Error | Level::Warn => '#',
            Level::Info => '*',
            Level::Debug => '-',
            Level::Trace => '.',
        };
        if let Ok(mut out) = self.out.lock() {
            // A log that cannot be written has nobody to tell.
            let _ = writeln!(
                out,
                "{}:M {} {mark} {}",
                std::process::id(),
                Zoned::now().strftime("%d %b %Y %H:%M:%S%.3f"),
                record.args()
            );
        }
    }

    fn flush(&self) {
        if let Ok(mut out) = self.out.lock() {
            let _ = out.flush();
        }
    }
}

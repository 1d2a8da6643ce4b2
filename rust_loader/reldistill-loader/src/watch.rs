//! The caller of a long build is heard now and then: for signals, and to be told how far it has come.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::tokenize::Progress;

/// How often the caller is heard.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(125);

/// Tells the caller how far the build has come, some eight times a second.
pub(crate) struct Watch<'a> {
    told: &'a mut dyn FnMut(&Progress) -> Result<()>,
    last: Instant,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(told: &'a mut dyn FnMut(&Progress) -> Result<()>) -> Self {
        Self { told, last: Instant::now() }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.last.elapsed() >= WATCH_INTERVAL
    }

    pub(crate) fn now(&mut self, progress: &Progress) -> Result<()> {
        (self.told)(progress)?;
        self.last = Instant::now();
        Ok(())
    }

    pub(crate) fn now_and_then(&mut self, progress: impl FnOnce() -> Progress) -> Result<()> {
        if self.is_due() { self.now(&progress()) } else { Ok(()) }
    }
}

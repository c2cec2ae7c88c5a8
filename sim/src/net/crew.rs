//! The tasks of one life of the server, in the order in which they began, so that they also end in that order. When a
//! runtime is dropped it ends its tasks in an order that depends on how many tasks the process has ever had, and no
//! seed repeats that.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// Tasks that have ended are forgotten when there are so many.
const KEPT: usize = 64;

/// The tasks.
#[derive(Debug, Default)]
pub(super) struct Crew(Mutex<Roster>);

#[derive(Debug, Default)]
struct Roster {
    tasks: Vec<JoinHandle<()>>,
    dismissed: bool,
}

impl Crew {
    /// Begins a task, unless all were dismissed.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut roster = self.roster();
        if roster.dismissed {
            return;
        }
        if roster.tasks.len() >= KEPT {
            roster.tasks.retain(|task| !task.is_finished());
        }
        roster.tasks.push(tokio::spawn(task));
    }

    /// Ends all tasks where they are: none of them does anything any more, and in the next tick they are dropped.
    pub(super) fn dismiss(&self) {
        let mut roster = self.roster();
        roster.dismissed = true;
        roster.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Ends all tasks, and returns when they are gone.
    pub(super) async fn dissolve(&self) {
        self.dismiss();
        let tasks = std::mem::take(&mut self.roster().tasks);
        for task in tasks {
            let _ = task.await;
        }
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Threads for work that may wait for a disk. Network threads never do such work themselves. The pool knows nothing
//! of messages.

use crate::limits::{JOBS_MAX, STACK_OCTETS};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One piece of work.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The threads and what waits for them. Threads are started when there is work for them, and then stay.
pub(super) struct Pool {
    queue: Mutex<Queue>,
    work: Condvar,
    rest: Condvar,
    threads_max: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// One was called to work and has not come yet. It calls the next if there is more to do: one that was called for
    /// every job would mostly find it done.
    called: bool,
    /// Those who wait until nothing is left to do.
    resting: usize,
}

impl Pool {
    pub(super) fn new(threads_max: usize) -> Arc<Pool> {
        Arc::new(Pool {
            queue: Mutex::default(),
            work: Condvar::new(),
            rest: Condvar::new(),
            threads_max: threads_max.max(1),
        })
    }

    /// Puts a job at the end of the queue; gives it back when the queue is full.
    pub(super) fn submit(self: &Arc<Self>, job: Job) -> Result<(), Job> {
        let mut queue = self.lock();
        if queue.jobs.len() >= JOBS_MAX {
            return Err(job);
        }
        if queue.idle <= queue.jobs.len() && queue.threads < self.threads_max {
            let pool = self.clone();
            let thread = std::thread::Builder::new().name("spool".into()).stack_size(STACK_OCTETS);
            match thread.spawn(move || pool.work()) {
                Ok(_) => queue.threads += 1,
                Err(error) if queue.threads == 0 => {
                    tracing::error!("cannot start a thread for the spool: {error}");
                    return Err(job);
                }
                Err(_) => {}
            }
        }
        queue.jobs.push_back(job);
        self.call(queue);
        Ok(())
    }

    /// Calls a thread that has nothing to do if there is work for it.
    fn call(&self, mut queue: MutexGuard<'_, Queue>) {
        // To wake is a call of the system, even where nobody sleeps.
        if queue.idle > 0 && !queue.jobs.is_empty() && !queue.called {
            queue.called = true;
            drop(queue);
            self.work.notify_one();
        }
    }

    /// Waits until nothing is left to do, at most `wait`.
    pub(super) fn wait_for_rest(&self, wait: Duration) {
        let busy = |queue: &mut Queue| !queue.jobs.is_empty() || queue.idle < queue.threads;
        let mut queue = self.lock();
        queue.resting += 1;
        let waited = self.rest.wait_timeout_while(queue, wait, busy);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.resting -= 1;
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                self.call(queue);
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    tracing::error!("a job of the spool broke an assertion of ours");
                }
                queue = self.lock();
            } else {
                queue.idle += 1;
                if queue.resting > 0 {
                    self.rest.notify_all();
                }
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
                queue.called = false;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[test]
    fn jobs_run_side_by_side_up_to_the_limit() {
        let pool = Pool::new(3);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Three jobs can only end together when all three run at the same time.
        let together = Arc::new(std::sync::Barrier::new(3));
        for _ in 0..30 {
            let (running, most, together) = (running.clone(), most.clone(), together.clone());
            let job = Box::new(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                together.wait();
                running.fetch_sub(1, Ordering::SeqCst);
            });
            assert!(pool.submit(job).is_ok());
        }
        pool.wait_for_rest(Duration::from_secs(10));
        assert_eq!(running.load(Ordering::SeqCst), 0);
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_panicking_job_costs_no_thread() {
        let pool = Pool::new(1);
        assert!(pool.submit(Box::new(|| panic!("planted"))).is_ok());
        let (said, heard) = mpsc::channel();
        assert!(pool.submit(Box::new(move || said.send(()).expect("somebody listens"))).is_ok());
        assert!(heard.recv_timeout(Duration::from_secs(10)).is_ok());
    }
}

//! What stands before a back end: only so many questions at a time, and none for longer than the deadline, the wait
//! at the door included. What comes too late is trouble, never a yes.

use super::BackEnd;
use smtpserver_core::auth::{Check, Finding, Means};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The way to a back end. A session asks one thing at a time and sessions are bounded, so who waits here is, too.
pub struct Door {
    back_end: Arc<dyn BackEnd>,
    places: Semaphore,
    deadline: Duration,
}

impl Door {
    /// A door that lets `places` questions in at a time.
    pub fn new(back_end: Arc<dyn BackEnd>, places: usize, deadline: Duration) -> Door {
        Door { back_end, places: Semaphore::new(places.max(1)), deadline }
    }

    /// What the back end can check at the moment.
    pub fn means(&self) -> Means {
        self.back_end.means()
    }

    /// Asks. Never waits longer than the deadline.
    pub async fn ask(&self, check: Check) -> Finding {
        let asked = async {
            let place = self.places.acquire().await;
            // The door is never closed; a place that there is not would be trouble.
            if place.is_err() { Finding::Trouble } else { self.back_end.check(check).await }
        };
        timeout(self.deadline, asked).await.unwrap_or(Finding::Trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Pending;
    use smtpserver_core::auth::{Secret, UserName};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Says yes after a second, and never for `hang`.
    #[derive(Default)]
    struct Slow {
        inside: AtomicUsize,
        most: AtomicUsize,
    }

    struct Leaves<'a>(&'a AtomicUsize);

    impl Drop for Leaves<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl BackEnd for Slow {
        fn means(&self) -> Means {
            Means { passwords: true, ..Means::default() }
        }

        fn check(&self, check: Check) -> Pending<'_> {
            Box::pin(async move {
                self.most.fetch_max(self.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let _leaves = Leaves(&self.inside);
                if check.user().as_str() == "hang" {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                Finding::Right
            })
        }
    }

    fn check(user: &str) -> Check {
        Check::Password { user: UserName::new(user).expect("a name"), password: Secret::from(&b"x"[..]) }
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_asked_at_a_time_and_none_for_ever() {
        let slow = Arc::new(Slow::default());
        let door = Arc::new(Door::new(slow.clone(), 2, Duration::from_millis(2_500)));
        assert!(door.means().passwords);
        let asks: Vec<_> = ["a", "b", "c", "d", "e"]
            .map(|user| {
                let door = door.clone();
                tokio::spawn(async move { door.ask(check(user)).await })
            })
            .into();
        let mut findings = Vec::new();
        for ask in asks {
            findings.push(ask.await.expect("no panic"));
        }
        // Two a second: the fifth would need three.
        let right = findings.iter().filter(|finding| **finding == Finding::Right).count();
        assert_eq!((right, findings.last()), (4, Some(&Finding::Trouble)));
        assert_eq!(door.ask(check("hang")).await, Finding::Trouble);
        assert_eq!((slow.inside.load(Ordering::SeqCst), slow.most.load(Ordering::SeqCst)), (0, 2));
    }
}

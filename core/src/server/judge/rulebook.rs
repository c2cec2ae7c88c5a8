//! The rules that belong to settings: those of the policy data base, or those that `localnames` make. Each is made ready
//! once, however many sessions are judged by it.

use crate::config::Settings;
use crate::policy::Rules;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Rules, and what is worth knowing of them beforehand.
#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) rules: Arc<Rules>,
    /// Whether the name of a client's address can matter.
    pub(super) names_matter: bool,
}

/// The books of all settings that are in use.
#[derive(Debug, Default)]
pub(super) struct Rulebook {
    books: Vec<(Arc<Settings>, Book)>,
}

impl Rulebook {
    /// The book for these settings.
    pub(super) fn rules(&mut self, settings: &Arc<Settings>) -> Book {
        if let Some((_, book)) = self.books.iter().find(|(known, _)| Arc::ptr_eq(known, settings)) {
            return book.clone();
        }
        // Settings that nobody else holds will not be asked for again.
        self.books.retain(|(known, _)| Arc::strong_count(known) > 1);
        let rules = settings.policy_rules();
        let names_matter = rules.names_speak_of_clients();
        let book = Book { rules, names_matter };
        self.books.push((settings.clone(), book.clone()));
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_made_once_and_kept_no_longer_than_their_settings() {
        let mut rulebook = Rulebook::default();
        let settings = Arc::new(Settings::new("mx.example"));
        let first = rulebook.rules(&settings);
        assert!(Arc::ptr_eq(&first.rules, &rulebook.rules(&settings).rules));
        assert!(!first.names_matter);
        drop(settings);
        for _ in 0..10 {
            rulebook.rules(&Arc::new(Settings::new("mx.example")));
        }
        assert!(rulebook.books.len() <= 2, "{}", rulebook.books.len());
    }
}

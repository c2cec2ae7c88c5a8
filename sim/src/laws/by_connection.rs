//! Something for each connection. Connections are numbered from 0 without gaps, and laws ask for them at every event of
//! a trace: a list answers at once where a tree would have to search.

use crate::trace::ConnectionId;

/// At most one `T` for each connection.
#[derive(Debug)]
pub(super) struct ByConnection<T>(Vec<Option<T>>);

impl<T> Default for ByConnection<T> {
    fn default() -> Self {
        ByConnection(Vec::new())
    }
}

impl<T> ByConnection<T> {
    pub(super) fn get(&self, id: ConnectionId) -> Option<&T> {
        self.0.get(place(id))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        self.0.get_mut(place(id))?.as_mut()
    }

    pub(super) fn insert(&mut self, id: ConnectionId, what: T) {
        *self.at(id) = Some(what);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        self.0.get_mut(place(id))?.take()
    }

    pub(super) fn or_default(&mut self, id: ConnectionId) -> &mut T
    where
        T: Default,
    {
        self.at(id).get_or_insert_default()
    }

    /// All, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        (0..).zip(&self.0).filter_map(|(id, what)| Some((id, what.as_ref()?)))
    }

    fn at(&mut self, id: ConnectionId) -> &mut Option<T> {
        let place = place(id);
        if place >= self.0.len() {
            self.0.resize_with(place + 1, || None);
        }
        &mut self.0[place]
    }
}

fn place(id: ConnectionId) -> usize {
    usize::try_from(id).expect("a connection that happened fits in memory")
}

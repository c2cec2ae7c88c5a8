//! Some of a world's sessions are recorded, as the daemon records them when it is asked to: law 12 lives through them
//! again.

use super::clients::usize_of;
use super::world::World;
use crate::dice::{Dice, Purpose};
use crate::trace::ConnectionId;
use bytes::Bytes;
use smtpserver_core::record::{Ending, Keep, Recorder};
use smtpserver_core::{Input, Now};

/// Sessions of a world that are recorded, at most.
const RECORDED_MAX: usize = 4;

impl World<'_> {
    /// Begins to record a session that has just been made, if it is one of those that are drawn.
    pub(super) fn begin_recording(&mut self, id: ConnectionId) {
        let mut dice = Dice::new(self.plan.seed, Purpose::Recording, u64::from(id));
        let clients = u64::try_from(self.plan.clients.len()).expect("few");
        let keep = *dice.pick(&[Keep::Shape, Keep::Messages]);
        if self.recordings.len() >= RECORDED_MAX || !dice.once_in(clients.div_ceil(2)) {
            return;
        }
        let now = self.clock();
        let connection = &mut self.connections[usize_of(id)];
        if let Some(session) = &mut connection.session {
            connection.tape = Some(Box::new(Recorder::new(session, now, keep)));
            // It has its place from now on, so that there are never more.
            self.recordings.insert(id, Bytes::new());
        }
    }

    /// Brings an input to a session; what it puts out is still to be polled.
    pub(super) fn present(&mut self, id: ConnectionId, now: Now, input: Input<'_>) {
        let connection = &mut self.connections[usize_of(id)];
        let Some(session) = &mut connection.session else { return };
        match &mut connection.tape {
            None => session.handle(now, input),
            Some(tape) => {
                tape.input(now, &input);
                session.handle(now, input);
                tape.settle(session);
            }
        }
    }

    /// Ends the recording of a session, if there is one.
    pub(super) fn end_recording(&mut self, id: ConnectionId, ending: Ending) {
        let connection = &mut self.connections[usize_of(id)];
        if let (Some(tape), Some(session)) = (connection.tape.take(), &mut connection.session) {
            self.recordings.insert(id, Bytes::from(tape.finish(session, ending)));
        }
    }
}

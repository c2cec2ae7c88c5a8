//! Reply codes (RFC 2821 §4.2) and enhanced status codes (RFC 3463), by name.

/// A three-digit reply code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) u16);

pub(super) const C200_REPORT: Code = Code(200);
pub(super) const C214_HELP: Code = Code(214);
pub(super) const C220_READY: Code = Code(220);
pub(super) const C221_CLOSING: Code = Code(221);
pub(super) const C235_LOGGED_IN: Code = Code(235);
pub(super) const C250_OK: Code = Code(250);
pub(super) const C252_CANNOT_VRFY: Code = Code(252);
pub(super) const C334_CHALLENGE: Code = Code(334);
pub(super) const C354_START_MAIL: Code = Code(354);
pub(super) const C421_NOT_AVAILABLE: Code = Code(421);
pub(super) const C450_BUSY: Code = Code(450);
pub(super) const C451_LOCAL_ERROR: Code = Code(451);
pub(super) const C452_NO_STORAGE: Code = Code(452);
pub(super) const C454_SECURITY_NOT_NOW: Code = Code(454);
pub(super) const C500_UNRECOGNIZED: Code = Code(500);
pub(super) const C501_BAD_ARGUMENT: Code = Code(501);
pub(super) const C502_NOT_IMPLEMENTED: Code = Code(502);
pub(super) const C503_BAD_SEQUENCE: Code = Code(503);
pub(super) const C504_NO_SUCH_MECHANISM: Code = Code(504);
pub(super) const C530_NEEDED_FIRST: Code = Code(530);
pub(super) const C535_NOT_LOGGED_IN: Code = Code(535);
pub(super) const C538_NEEDS_TLS: Code = Code(538);
pub(super) const C550_REFUSED: Code = Code(550);
pub(super) const C552_TOO_MUCH: Code = Code(552);
pub(super) const C553_NOT_THIS_SENDER: Code = Code(553);
pub(super) const C554_FAILED: Code = Code(554);
pub(super) const C555_PARAMETER_REFUSED: Code = Code(555);

/// An enhanced status code: class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enhanced(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const E2_0_0_OK: Enhanced = Enhanced(2, 0, 0);
pub(super) const E2_1_0_SENDER_OK: Enhanced = Enhanced(2, 1, 0);
pub(super) const E2_1_5_RECIPIENT_OK: Enhanced = Enhanced(2, 1, 5);
pub(super) const E2_5_2_CANNOT_VRFY: Enhanced = Enhanced(2, 5, 2);
pub(super) const E2_7_0_LOGGED_IN: Enhanced = Enhanced(2, 7, 0);
pub(super) const E4_3_0_SYSTEM: Enhanced = Enhanced(4, 3, 0);
pub(super) const E4_3_1_FULL: Enhanced = Enhanced(4, 3, 1);
pub(super) const E4_3_2_STOPPING: Enhanced = Enhanced(4, 3, 2);
pub(super) const E4_4_2_TIMED_OUT: Enhanced = Enhanced(4, 4, 2);
pub(super) const E4_4_3_DIRECTORY: Enhanced = Enhanced(4, 4, 3);
pub(super) const E4_5_3_TOO_MANY_RECIPIENTS: Enhanced = Enhanced(4, 5, 3);
pub(super) const E4_7_0_SECURITY: Enhanced = Enhanced(4, 7, 0);
pub(super) const E4_7_1_NOT_NOW: Enhanced = Enhanced(4, 7, 1);
pub(super) const E5_1_3_BAD_RECIPIENT_SYNTAX: Enhanced = Enhanced(5, 1, 3);
pub(super) const E5_1_7_BAD_SENDER_SYNTAX: Enhanced = Enhanced(5, 1, 7);
pub(super) const E5_3_4_TOO_BIG: Enhanced = Enhanced(5, 3, 4);
pub(super) const E5_4_3_DIRECTORY: Enhanced = Enhanced(5, 4, 3);
pub(super) const E5_4_6_LOOP: Enhanced = Enhanced(5, 4, 6);
pub(super) const E5_5_1_INVALID_COMMAND: Enhanced = Enhanced(5, 5, 1);
pub(super) const E5_5_2_SYNTAX: Enhanced = Enhanced(5, 5, 2);
pub(super) const E5_5_4_INVALID_ARGUMENTS: Enhanced = Enhanced(5, 5, 4);
pub(super) const E5_5_6_LINE_TOO_LONG: Enhanced = Enhanced(5, 5, 6);
pub(super) const E5_7_0_SECURITY: Enhanced = Enhanced(5, 7, 0);
pub(super) const E5_7_1_REFUSED: Enhanced = Enhanced(5, 7, 1);
pub(super) const E5_7_23_SPF: Enhanced = Enhanced(5, 7, 23);
pub(super) const E5_7_8_WRONG: Enhanced = Enhanced(5, 7, 8);
pub(super) const E5_7_11_NEEDS_TLS: Enhanced = Enhanced(5, 7, 11);

//! The GS2 header that SCRAM and OAUTHBEARER begin with (RFC 5801 §4): what the client knows of channel binding, and
//! whom it wants to act for.

use crate::auth::fault::LoginFault;
use crate::auth::name::UserName;
use alloc::string::String;

/// What the client says of channel binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    /// `n`: it cannot.
    Cannot,
    /// `y`: it can, and believes that we cannot.
    ThinksWeCannot,
    /// `p=NAME`: it does, in this way.
    Bound(String),
}

/// The header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) flag: Flag,
    /// Whom the client wants to act for, when it says so.
    pub(crate) acts_for: Option<UserName>,
}

impl Header {
    /// Reads a header off the start of `text`; the rest comes back with it.
    pub(crate) fn read(text: &str) -> Result<(Header, &str), LoginFault> {
        let (flag, rest) = text.split_once(',').ok_or(LoginFault::Malformed)?;
        let (acts_for, rest) = rest.split_once(',').ok_or(LoginFault::Malformed)?;
        let flag = match flag {
            "n" => Flag::Cannot,
            "y" => Flag::ThinksWeCannot,
            _ => {
                let name = flag.strip_prefix("p=").filter(|name| is_binding_name(name));
                Flag::Bound(String::from(name.ok_or(LoginFault::Malformed)?))
            }
        };
        let acts_for = if acts_for.is_empty() {
            None
        } else {
            let name = acts_for.strip_prefix("a=").and_then(sasl_name);
            Some(name.ok_or(LoginFault::Malformed)?)
        };
        Ok((Header { flag, acts_for }, rest))
    }
}

fn is_binding_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(&octet))
}

/// A name in which a comma is written `=2C` and an equals sign `=3D` (RFC 5802 §5.1).
pub(crate) fn sasl_name(text: &str) -> Option<UserName> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('=') {
        name.push_str(plain);
        let (code, behind) = escaped.split_at_checked(2)?;
        name.push(match code {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        rest = behind;
    }
    name.push_str(rest);
    UserName::new(&name)
}

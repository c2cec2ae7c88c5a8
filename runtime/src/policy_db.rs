//! The policy that a daemon is to serve by, from where `PARAM policydb` says it is: a text or a compiled file.

use crate::policy_build::read;
use smtpserver_core::config::choices::PolicyDb as Named;
use smtpserver_core::policy::{Role, Rules, SourceFile, compile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a policy is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyDb {
    /// A source that holds everything (`text PATH`).
    Text(PathBuf),
    /// What `smtpserver policy build` made (`compiled PATH`).
    Compiled(PathBuf),
}

/// The kinds that other programs made, and that nobody reads any more.
const FORMER_KINDS: [&str; 4] = ["ndbm", "gdbm", "btree", "bhash"];
/// The kind that was no file at all.
const FORMER_SERVICE: &str = "sleepyrpc";

impl PolicyDb {
    /// Understands the two words behind `policydb`. The error is a sentence for the operator.
    pub fn new(kind: &str, path: &Path) -> Result<PolicyDb, String> {
        match kind {
            "text" => Ok(PolicyDb::Text(path.to_owned())),
            "compiled" => Ok(PolicyDb::Compiled(path.to_owned())),
            _ if FORMER_SERVICE.eq_ignore_ascii_case(kind) => Err(format!(
                "a policy is not asked for at a {kind} service any more: put its sources here, run smtpserver policy \
                 build -d DIR where they are, and write policydb compiled DIR/smtp-policy.compiled"
            )),
            _ if FORMER_KINDS.iter().any(|former| former.eq_ignore_ascii_case(kind)) => {
                let (folder, base) = (path.parent(), path.file_name().map(Path::new));
                let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Err(format!(
                    "policies are no {kind} files any more: run smtpserver policy build -d {} -f {}, \
                     and write policydb compiled {}.compiled",
                    folder.display(),
                    base.unwrap_or(Path::new("smtp-policy")).display(),
                    path.display()
                ))
            }
            _ => Err(format!(
                "a policy is text or compiled, not {kind:?}: write policydb compiled {}",
                path.display()
            )),
        }
    }

    /// A file of either kind, which its beginning tells.
    pub(crate) fn either(path: &Path) -> Result<PolicyDb, String> {
        let octets = read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let path = path.to_owned();
        Ok(if Rules::is_compiled(&octets) { PolicyDb::Compiled(path) } else { PolicyDb::Text(path) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        let (PolicyDb::Text(path) | PolicyDb::Compiled(path)) = self;
        path
    }

    /// Reads the policy. The error tells everything that is wrong with it, a line each; remarks are left to
    /// `smtpserver policy build`.
    pub fn load(&self) -> Result<Arc<Rules>, String> {
        let path = self.path();
        let octets = read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let rules = match self {
            PolicyDb::Compiled(_) => {
                Rules::decode(&octets).map_err(|fault| format!("{}: {fault}", path.display()))?
            }
            PolicyDb::Text(_) => {
                let name = path.display().to_string();
                let file = SourceFile { role: Role::Source, name: &name, text: &octets };
                let lines = |faults: Vec<_>| {
                    let errors = faults
                        .iter()
                        .filter(|fault: &&smtpserver_core::policy::source::Fault| !fault.kind.is_remark());
                    errors.map(ToString::to_string).collect::<Vec<_>>().join("\n")
                };
                compile(&[file]).map_err(lines)?.rules
            }
        };
        Ok(Arc::new(rules))
    }
}

/// Policies that were read, each once however many groups name it.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    read: BTreeMap<PolicyDb, Arc<Rules>>,
}

impl Shelf {
    /// The rules of the file that is named; none where none is. The error tells everything that is wrong, a line each.
    pub(crate) fn rules(&mut self, named: Option<&Named>) -> Result<Option<Arc<Rules>>, String> {
        let Some(named) = named else { return Ok(None) };
        let db = PolicyDb::new(&named.kind, Path::new(&named.path))?;
        if let Some(rules) = self.read.get(&db) {
            return Ok(Some(rules.clone()));
        }
        let rules = db.load()?;
        self.read.insert(db, rules.clone());
        Ok(Some(rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_others_are_explained() {
        let path = Path::new("/db/smtp-policy");
        assert_eq!(PolicyDb::new("text", path), Ok(PolicyDb::Text(path.to_owned())));
        assert_eq!(PolicyDb::new("compiled", path), Ok(PolicyDb::Compiled(path.to_owned())));
        let former = PolicyDb::new("BTree", path).expect_err("no longer read");
        assert!(former.contains("policy build -d /db -f smtp-policy, "), "{former}");
        assert!(former.contains("policydb compiled /db/smtp-policy.compiled"), "{former}");
        let service = PolicyDb::new("sleepyrpc", path).expect_err("no longer asked");
        assert!(
            service.starts_with("a policy is not asked for at a sleepyrpc service any more: "),
            "{service}"
        );
        assert!(PolicyDb::new("sqlite", path).expect_err("never read").contains("text or compiled"));
    }

    #[test]
    fn a_text_is_read_and_a_fault_is_told_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p");
        std::fs::write(&path, ". relaytarget -\nx rejectnet\n").expect("written");
        let fault = PolicyDb::Text(path.clone()).load().expect_err("a fault");
        assert!(fault.ends_with("p:2:3: \"rejectnet\" needs a value"), "{fault}");
        let fault = PolicyDb::Compiled(path.clone()).load().expect_err("a text");
        assert!(fault.contains("smtpserver policy build"), "{fault}");
        std::fs::write(&path, ". relaytarget -\n").expect("written");
        let rules = PolicyDb::Text(path.clone()).load().expect("rules");
        std::fs::write(&path, rules.encode()).expect("written");
        assert_eq!(PolicyDb::Compiled(path).load(), Ok(rules));
        assert!(PolicyDb::Text(folder.path().join("none")).load().is_err());
        assert!(PolicyDb::Text(folder.path().to_owned()).load().expect_err("a folder").contains("regular"));
    }
}

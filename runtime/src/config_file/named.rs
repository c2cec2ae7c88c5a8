//! Files that the configuration names, and that are read with it: policies, hosts.allow, hosts.deny, and who may use Z-REPORT.
//! They are understood in the core; a reload reads them anew.

use super::optional;
use crate::policy_db::Shelf;
use smtpserver_core::config::choices::WrapperFiles;
use smtpserver_core::config::file::Group;
use smtpserver_core::config::file::remark::{Remark, Spot};
use smtpserver_core::config::host_access::{HostAccess, Text};
use smtpserver_core::config::report_auth::ReportAuth;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was read so far: groups that name the same files share what stands in them.
#[derive(Default)]
pub(super) struct Named {
    wrappers: Vec<(WrapperFiles, Arc<HostAccess>)>,
    reports: Vec<(String, Option<Arc<ReportAuth>>)>,
    policies: Shelf,
    /// The files that were read, or looked for.
    pub(super) files: Vec<PathBuf>,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

impl Named {
    /// Reads what the settings of this group name. Gives what is wrong with it.
    pub(super) fn read(&mut self, group: &mut Group) -> Vec<Remark> {
        let mut errors = Vec::new();
        let Group { settings, set, .. } = group;
        let spot = |name: &str| {
            let line = set.iter().rev().find(|set| set.param == name);
            line.map_or_else(|| Spot::whole(name), |set| set.spot.clone())
        };
        let sources = &settings.sources;
        for (name, place, rules) in [
            ("policydb", &sources.policydb, &mut settings.rules),
            ("policydb-submit", &sources.policydb_submit, &mut settings.submit_rules),
        ] {
            self.files.extend(place.as_ref().map(|place| PathBuf::from(&place.path)));
            match self.policies.rules(place.as_ref()) {
                Ok(read) => *rules = read,
                // One error of this line, however much is wrong in the file.
                Err(faults) => errors.push(spot(name).error(faults.replace('\n', "\n    "), "")),
            }
        }
        if let Some(files) = &settings.sources.tcp_wrapper {
            match self.wrapper(files, &spot("use-tcp-wrapper")) {
                Ok(read) => settings.host_access = Some(read),
                Err(faults) => errors.extend(faults),
            }
        }
        if let Some(path) = &settings.sources.report_auth_file {
            match self.reports(path, &spot("report-auth-file")) {
                Ok(read) => settings.report_auth = read,
                Err(faults) => errors.extend(faults),
            }
        }
        errors
    }

    fn wrapper(&mut self, files: &WrapperFiles, spot: &Spot) -> Result<Arc<HostAccess>, Vec<Remark>> {
        if let Some((_, known)) = self.wrappers.iter().find(|(known, _)| known == files) {
            return Ok(known.clone());
        }
        let (allow, deny) = (self.octets(&files.allow, spot)?, self.octets(&files.deny, spot)?);
        if allow.is_none() && deny.is_none() {
            let WrapperFiles { allow, deny } = files;
            self.notes
                .push(format!("use-tcp-wrapper: there is no {allow} and no {deny}: everybody may connect"));
        }
        let (allow, deny) = (allow.unwrap_or_default(), deny.unwrap_or_default());
        let read = HostAccess::read(
            Text { name: &files.allow, octets: &allow },
            Text { name: &files.deny, octets: &deny },
        );
        let read = Arc::new(read?);
        self.wrappers.push((files.clone(), read.clone()));
        Ok(read)
    }

    fn reports(&mut self, path: &str, spot: &Spot) -> Result<Option<Arc<ReportAuth>>, Vec<Remark>> {
        if let Some((_, known)) = self.reports.iter().find(|(known, _)| known == path) {
            return Ok(known.clone());
        }
        let read = match self.octets(path, spot)? {
            Some(octets) => {
                if std::fs::metadata(path).is_ok_and(|stat| stat.mode() & 0o007 != 0) {
                    self.notes
                        .push(format!("{path} holds passwords and is open to everybody: chmod 600 {path}"));
                }
                Some(Arc::new(ReportAuth::read(path, &octets)?))
            }
            None => {
                self.notes.push(format!("report-auth-file: there is no {path}, so nobody may use Z-REPORT"));
                None
            }
        };
        self.reports.push((path.into(), read.clone()));
        Ok(read)
    }

    /// What is in a file, if it is there. The error is about the line that names it.
    fn octets(&mut self, path: &str, spot: &Spot) -> Result<Option<Vec<u8>>, Vec<Remark>> {
        self.files.push(path.into());
        match optional(Path::new(path)) {
            Ok(file) => Ok(file.map(|(_, octets)| octets)),
            Err(fault) => Err(fault.lines().into_iter().map(|line| spot.clone().error(line, "")).collect()),
        }
    }
}

//! Files that the configuration names, and that are read with it: hosts.allow, hosts.deny, and who may use Z-REPORT.
//! They are understood in the core; a reload reads them anew.

use super::{LoadFault, cannot_read, optional};
use smtpserver_core::config::Settings;
use smtpserver_core::config::choices::WrapperFiles;
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
    /// The files that were read, or looked for.
    pub(super) files: Vec<PathBuf>,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

impl Named {
    /// Reads what these settings name.
    pub(super) fn read(&mut self, settings: &mut Settings) -> Result<(), LoadFault> {
        if let Some(files) = &settings.sources.tcp_wrapper {
            settings.host_access = Some(self.wrapper(files)?);
        }
        if let Some(path) = &settings.sources.report_auth_file {
            settings.report_auth = self.reports(path)?;
        }
        Ok(())
    }

    fn wrapper(&mut self, files: &WrapperFiles) -> Result<Arc<HostAccess>, LoadFault> {
        if let Some((_, known)) = self.wrappers.iter().find(|(known, _)| known == files) {
            return Ok(known.clone());
        }
        let [allow, deny] = [&files.allow, &files.deny].map(|path| optional(Path::new(path)));
        let (allow, deny) = (allow?, deny?);
        self.files.extend([&files.allow, &files.deny].map(PathBuf::from));
        if allow.is_none() && deny.is_none() {
            let WrapperFiles { allow, deny } = files;
            self.notes
                .push(format!("use-tcp-wrapper: there is no {allow} and no {deny}: everybody may connect"));
        }
        let octets = |file: &Option<(PathBuf, Vec<u8>)>| {
            file.as_ref().map_or(Vec::new(), |(_, octets)| octets.clone())
        };
        let (allow, deny) = (octets(&allow), octets(&deny));
        let read = HostAccess::read(
            Text { name: &files.allow, octets: &allow },
            Text { name: &files.deny, octets: &deny },
        );
        let read = read.map_err(|remarks| {
            let file = remarks.first().map_or(&files.allow, |remark| &remark.file);
            LoadFault::Unfit(file.into(), remarks)
        })?;
        let read = Arc::new(read);
        self.wrappers.push((files.clone(), read.clone()));
        Ok(read)
    }

    fn reports(&mut self, path: &str) -> Result<Option<Arc<ReportAuth>>, LoadFault> {
        if let Some((_, known)) = self.reports.iter().find(|(known, _)| known == path) {
            return Ok(known.clone());
        }
        self.files.push(path.into());
        let read = match optional(Path::new(path))? {
            Some((file, octets)) => {
                let mode = std::fs::metadata(&file).map_err(|error| cannot_read(&file, &error))?.mode();
                if mode & 0o007 != 0 {
                    self.notes.push(format!(
                        "{path} holds passwords and may be read by everybody: chmod 600 {path}"
                    ));
                }
                let read = ReportAuth::read(path, &octets);
                Some(Arc::new(read.map_err(|remarks| LoadFault::Unfit(file, remarks))?))
            }
            None => {
                self.notes.push(format!("report-auth-file: there is no {path}, so nobody may use Z-REPORT"));
                None
            }
        };
        self.reports.push((path.into(), read.clone()));
        Ok(read)
    }
}

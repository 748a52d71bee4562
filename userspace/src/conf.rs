// SPDX-License-Identifier: MIT

//! The file in modprobe.d that is rmcp's own: sections that install writes, among whatever else the
//! user has in it.

use crate::policy::{self, Param};
use crate::root::Root;
use anyhow::{bail, Result};

/// Where it is.
pub const FILE: &str = "/etc/modprobe.d/rmcp.conf";

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Loads rmcp before amdgpu.
    LoadOrder,
    /// amdgpu's own options in place of the module.
    ParamsOnly,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 2] = [Self::LoadOrder, Self::ParamsOnly];

    /// Its text.
    pub fn text(self) -> String {
        match self {
            Self::LoadOrder => "\
# Written by rmcp-kctl install, removed by rmcp-kctl uninstall.
# Loads rmcp before amdgpu. Where rmcp is missing or fails, amdgpu is loaded all the same.
softdep amdgpu pre: rmcp
"
            .to_owned(),
            Self::ParamsOnly => format!(
                "\
# Written by rmcp-kctl install --params-only, removed by rmcp-kctl uninstall.
# They hold for every GPU that amdgpu drives.
{}
",
                options()
            ),
        }
    }

    /// The file's text with this section: whatever else is in it stays.
    pub fn put_into(self, existing: Option<&str>) -> String {
        let section = self.text();
        match existing {
            Some(text) if text.contains(&section) => text.to_owned(),
            Some(text) if !text.trim().is_empty() => format!("{}\n{section}", text.trim_end()),
            _ => section,
        }
    }
}

/// The file's text; `None` when there is none.
///
/// # Errors
///
/// When it cannot be read, or is not text that can be written back as it is.
pub fn read(root: &Root) -> Result<Option<String>> {
    let text = root.read_whole(FILE)?;
    if text
        .as_ref()
        .is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER))
    {
        bail!("{FILE} is not UTF-8 text");
    }
    Ok(text)
}

/// Whether a section is in the file. One that cannot be read counts as having none.
pub fn holds(root: &Root, section: Section) -> bool {
    let text = read(root).ok().flatten();
    text.is_some_and(|text| text.contains(&section.text()))
}

/// amdgpu's option and rmcp's parameter that say the same.
const OPTIONS: [(&str, &Param); 2] = [
    ("noretry", &policy::NORETRY),
    ("vm_fragment_size", &policy::FRAGMENT_SIZE),
];

/// What rmcp would have by default, as options of amdgpu.
fn options() -> String {
    OPTIONS
        .iter()
        .fold("options amdgpu".to_owned(), |line, (name, param)| {
            format!("{line} {name}={}", param.default())
        })
}

/// The file's text without what install wrote; `None` when nothing else is in it.
pub fn without_sections(existing: &str) -> Option<String> {
    let ours: Vec<String> = Section::ALL.iter().map(|section| section.text()).collect();
    let kept: Vec<&str> = existing
        .lines()
        .filter(|line| !ours.iter().any(|text| text.lines().any(|own| own == *line)))
        .collect();
    let text = kept.join("\n");
    (!text.trim().is_empty()).then(|| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_user_wrote_stays() {
        let users = "options rmcp noretry=-1\n# mine\n";
        for section in Section::ALL {
            let both = section.put_into(Some(users));
            assert!(both.starts_with(users) && both.ends_with(&section.text()));
            assert_eq!(without_sections(&both).as_deref(), Some(users));
            assert_eq!(section.put_into(Some(&both)), both);
            assert_eq!(section.put_into(None), section.text());
            assert_eq!(without_sections(&section.text()), None);
        }
    }

    #[test]
    fn the_options_are_the_modules_defaults() {
        assert_eq!(options(), "options amdgpu noretry=1 vm_fragment_size=9");
    }

    proptest! {
        #[test]
        fn sections_come_and_go(users in "([a-z #]{1,20}\n){0,4}") {
            let with = Section::ParamsOnly.put_into(Some(&Section::LoadOrder.put_into(Some(&users))));
            let without = without_sections(&with).unwrap_or_default();
            prop_assert_eq!(without.trim_end(), users.trim_end());
        }
    }
}

// SPDX-License-Identifier: MIT

//! The distribution, as os-release(5) names it.

use crate::root::Root;
use crate::shell;

/// The file, and where it is when the administrator has taken that away.
const FILES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// A value such as that of `ID`; `None` when it is not there, or takes a shell to know.
pub fn value(root: &Root, name: &str) -> Option<String> {
    let text = FILES.iter().find_map(|path| root.read(path).ok()?)?;
    shell::value(&text, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_administrators_file_goes_first_and_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        let write = |path: &str, text: &str| {
            let path = root.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(value(&root, "ID"), None);
        write(FILES[1], "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n");
        assert_eq!(value(&root, "ID").as_deref(), Some("debian"));
        assert_eq!(
            value(&root, "PRETTY_NAME").as_deref(),
            Some("Debian GNU/Linux 13")
        );
        write(FILES[0], "ID='mine'\n");
        assert_eq!(value(&root, "ID").as_deref(), Some("mine"));
        assert_eq!(value(&root, "PRETTY_NAME"), None);
    }
}

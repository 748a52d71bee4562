// SPDX-License-Identifier: MIT

//! What a demonstration found, whether that is what was promised, and how a person reads it.

use serde::Serialize;
use std::fmt;

/// RETRY_PERMISSION_OR_INVALID_PAGE_FAULT of VM_CONTEXTn_CNTL.
const RETRY: u32 = 1 << 7;

/// VM_CONTEXT1..15_CNTL of both hubs as the driver last wrote them; `None` = never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Registers {
    /// Of the graphics hub.
    #[serde(rename = "GCVM")]
    pub gcvm: [Option<u32>; 15],
    /// Of the multimedia hub.
    #[serde(rename = "MMVM")]
    pub mmvm: [Option<u32>; 15],
}

/// Whether faulting accesses are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Bit 7 set.
    On,
    /// Bit 7 clear.
    Off,
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "retry on",
            Self::Off => "retry off",
        })
    }
}

impl Registers {
    /// Each with its name.
    pub fn named(&self) -> impl Iterator<Item = (String, Option<u32>)> + '_ {
        [("GCVM", &self.gcvm), ("MMVM", &self.mmvm)]
            .into_iter()
            .flat_map(|(hub, values)| {
                values
                    .iter()
                    .enumerate()
                    .map(move |(i, value)| (format!("{hub}_CONTEXT{}_CNTL", i + 1), *value))
            })
    }

    /// [`Registers::failures`] of the multimedia hub alone.
    pub fn mmvm_failures(&self, expected: Retry) -> Vec<String> {
        let mut failures = self.failures(expected);
        failures.retain(|failure| failure.starts_with("MMVM"));
        failures
    }

    /// Whether the driver has written none of them, or all is lost that it wrote.
    pub fn unwritten(&self) -> bool {
        self.named().all(|(_, value)| value.is_none())
    }

    /// Each register that was never written or says other than `expected`.
    pub fn failures(&self, expected: Retry) -> Vec<String> {
        self.named()
            .filter_map(|(name, value)| match value {
                None => Some(format!("{name} was never written")),
                Some(value) if retry(value) != expected => Some(format!(
                    "{name} is {value:#010x}: {}, expected was {expected}",
                    retry(value)
                )),
                Some(_) => None,
            })
            .collect()
    }
}

fn retry(value: u32) -> Retry {
    if value & RETRY == 0 {
        Retry::Off
    } else {
        Retry::On
    }
}

/// What `report.json` holds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The emulated GPU.
    pub gpu: &'static str,
    /// Whether amdgpu itself decided about retries; otherwise it was told to retry.
    pub own_retries: bool,
    /// The guest's kernel release.
    pub kernel: String,
    /// Registers with amdgpu alone.
    pub without: Registers,
    /// Registers with rmcp installed.
    pub with: Registers,
    /// What `rmcp-kctl status --json` printed.
    pub status: serde_json::Value,
    /// Its exit status.
    pub status_exit: i32,
}

impl Report {
    /// Everything that is not as promised.
    pub fn failures(&self) -> Vec<String> {
        let of = |boot: &str, failures: Vec<String>| {
            let boot = boot.to_owned();
            failures
                .into_iter()
                .map(move |failure| format!("{boot} rmcp: {failure}"))
        };
        let expected = match (self.own_retries, self.without.gcvm[0]) {
            // Whatever it is, it is the same everywhere.
            (true, Some(value)) => retry(value),
            _ => Retry::On,
        };
        let mut failures: Vec<String> = of("without", self.without.failures(expected)).collect();
        failures.extend(of("with", self.with.failures(Retry::Off)));
        if self.status_exit != 0 {
            failures.push(format!(
                "rmcp-kctl status ended with {}, expected was 0",
                self.status_exit
            ));
        }
        failures
    }

    /// What was promised and is so, if nothing failed.
    pub fn promise(&self) -> &'static str {
        let retries = self.without.failures(Retry::On).is_empty();
        match (self.own_retries, retries) {
            (false, _) => {
                "amdgpu.noretry=0 turns retries on in all 30 contexts, and with rmcp they stay off."
            }
            (true, true) => {
                "of itself, this amdgpu turns retries on in all 30 contexts, and with rmcp they stay off."
            }
            (true, false) => {
                "of itself, this amdgpu leaves retries off in all 30 contexts, and so does rmcp, which \
                 changes nothing about them here."
            }
        }
    }

    /// The registers side by side; neighbours that are alike share a line.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<26} {:<24} {}\n",
            match self.own_retries {
                true => format!("{}, no option", self.gpu),
                false => format!("amdgpu.noretry=0, {}", self.gpu),
            },
            "without rmcp",
            "with rmcp"
        );
        for (hub, without, with) in [
            ("GCVM", &self.without.gcvm, &self.with.gcvm),
            ("MMVM", &self.without.mmvm, &self.with.mmvm),
        ] {
            let pairs: Vec<_> = without.iter().zip(with).collect();
            let mut first = 1;
            for group in pairs.chunk_by(|a, b| a == b) {
                let last = first + group.len() - 1;
                let range = if first == last {
                    format!("{hub}_CONTEXT{first}_CNTL")
                } else {
                    format!("{hub}_CONTEXT{first}..{last}_CNTL")
                };
                let (without, with) = group[0];
                let line = format!("{range:<26} {:<24} {}", cell(*without), cell(*with));
                text += &line;
                text += "\n";
                first = last + 1;
            }
        }
        text
    }
}

fn cell(value: Option<u32>) -> String {
    value.map_or_else(
        || "never written".to_owned(),
        |value| format!("{value:#010x} {}", retry(value)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Option<u32> = Some(0x007F_FE87);
    const OFF: Option<u32> = Some(0x007F_FE07);

    fn all(value: Option<u32>) -> Registers {
        Registers {
            gcvm: [value; 15],
            mmvm: [value; 15],
        }
    }

    fn good() -> Report {
        Report {
            gpu: "navi10",
            own_retries: false,
            kernel: "7.2.12+deb13-amd64".into(),
            without: all(ON),
            with: all(OFF),
            status: serde_json::json!({}),
            status_exit: 0,
        }
    }

    #[test]
    fn retry_on_without_and_off_with_is_what_was_promised() {
        assert_eq!(good().failures(), [""; 0]);
    }

    #[test]
    fn one_register_status_or_boot_that_differs_is_a_failure() {
        let edits: [fn(&mut Report); 5] = [
            |report| report.with.gcvm[14] = ON,
            |report| report.with.mmvm[0] = None,
            |report| report.without.mmvm[7] = OFF,
            |report| report.without.gcvm[3] = None,
            |report| report.status_exit = 2,
        ];
        for edit in edits {
            let mut report = good();
            edit(&mut report);
            assert_eq!(report.failures().len(), 1, "{:?}", report.failures());
        }
    }

    #[test]
    fn an_amdgpu_that_decides_itself_may_have_retries_off_but_everywhere() {
        let mut report = good();
        report.without = all(OFF);
        assert_eq!(report.failures().len(), 30);
        report.own_retries = true;
        assert_eq!(report.failures(), [""; 0]);
        assert!(report.promise().contains("changes nothing"));
        report.without.mmvm[3] = ON;
        assert_eq!(report.failures().len(), 1);
        report.without = all(ON);
        assert_eq!(report.failures(), [""; 0]);
        assert!(report.promise().starts_with("of itself, this amdgpu turns"));
        report.without = all(None);
        assert_eq!(report.failures().len(), 30);
    }

    #[test]
    fn a_failure_names_the_register() {
        let mut report = good();
        report.with.gcvm[14] = ON;
        report.without.mmvm[0] = None;
        assert_eq!(
            report.failures(),
            [
                "without rmcp: MMVM_CONTEXT1_CNTL was never written",
                "with rmcp: GCVM_CONTEXT15_CNTL is 0x007ffe87: retry on, expected was retry off",
            ]
        );
    }

    #[test]
    fn the_table_joins_what_is_alike() {
        let mut report = good();
        report.with.mmvm[4] = None;
        let table = report.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[1],
            "GCVM_CONTEXT1..15_CNTL     0x007ffe87 retry on      0x007ffe07 retry off"
        );
        assert_eq!(lines.len(), 5);
        assert!(lines[3].starts_with("MMVM_CONTEXT5_CNTL") && lines[3].ends_with("never written"));
    }

    #[test]
    fn the_document_has_fifteen_numbers_a_hub() {
        let document = serde_json::to_value(good()).unwrap();
        assert_eq!(document["without"]["GCVM"].as_array().unwrap().len(), 15);
        assert_eq!(document["with"]["MMVM"][14], 0x007F_FE07);
    }
}

// SPDX-License-Identifier: MIT

//! What was found of one chip, and whether that is what rmcp promises.

use crate::report::Registers;
use anyhow::{ensure, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// The memory type in the page-table entries of each requested one, bits 50:48.
pub(crate) type Mtypes = BTreeMap<&'static str, u8>;

/// How each scenario of the chip's life failed, if it did.
pub(crate) type Life = BTreeMap<&'static str, Option<String>>;

/// The bit RETRY_PERMISSION_OR_INVALID_PAGE_FAULT of contexts 1 to 15; `None` = never written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RetryBits {
    /// Of the graphics hub.
    #[serde(rename = "GCVM")]
    gcvm: [Option<u8>; 15],
    /// Of the multimedia hub.
    #[serde(rename = "MMVM")]
    mmvm: [Option<u8>; 15],
}

impl From<Registers> for RetryBits {
    fn from(registers: Registers) -> Self {
        let bits = |values: [Option<u32>; 15]| values.map(|value| value.map(retry_bit));
        Self {
            gcvm: bits(registers.gcvm),
            mmvm: bits(registers.mmvm),
        }
    }
}

fn retry_bit(value: u32) -> u8 {
    (value >> 7 & 1) as u8
}

impl RetryBits {
    fn all(&self) -> impl Iterator<Item = Option<u8>> + '_ {
        self.gcvm.iter().chain(&self.mmvm).copied()
    }

    /// The value that all thirty have.
    pub(crate) fn common(&self) -> Option<u8> {
        let [gcvm, mmvm] = self.of_each_hub();
        gcvm.filter(|_| gcvm == mmvm)
    }

    /// The value that all fifteen of a hub have.
    pub(crate) fn of_each_hub(&self) -> [Option<u8>; 2] {
        [self.gcvm, self.mmvm]
            .map(|bits| bits[0].filter(|_| bits.iter().all(|bit| *bit == bits[0])))
    }
}

/// The memory types that a request ended as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Pte {
    pub(crate) without: u8,
    pub(crate) with: u8,
}

/// Puts what was found without rmcp beside what was found with it.
pub(crate) fn join(without: &Mtypes, with: &Mtypes) -> Result<BTreeMap<&'static str, Pte>> {
    ensure!(
        without.keys().eq(with.keys()),
        "without rmcp {:?} were mapped, with it {:?}",
        without.keys(),
        with.keys()
    );
    let both = without.iter().zip(with.values());
    Ok(both
        .map(|((request, &without), &with)| (*request, Pte { without, with }))
        .collect())
}

/// One row of the report.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) gc_version: String,
    pub(crate) chip: &'static str,
    /// Whether rmcp guards it; the others are there to see that they are left alone.
    pub(crate) guarded: bool,
    pub(crate) noretry_bits_without: RetryBits,
    pub(crate) noretry_bits_with: RetryBits,
    /// What keeps the driver from bringing the whole chip up.
    pub(crate) obstacle: Option<&'static str>,
    /// By requested type, in ordinary buffers.
    pub(crate) ptes: BTreeMap<&'static str, Pte>,
    /// By requested type, in buffers that were created coherent or uncached.
    pub(crate) coherent_ptes: BTreeMap<&'static str, Pte>,
    pub(crate) status_exit: i32,
    /// The scenarios that it went through at last.
    pub(crate) life: Life,
    /// Whether the log below has nothing but what the chip is known for.
    pub(crate) kernel_log_clean: bool,
    /// What the kernel logged as an error, or complained of.
    pub(crate) kernel_log: Vec<String>,
}

/// What becomes of CC: without rmcp CC, with it NC.
const REWRITTEN: Pte = Pte {
    without: 2,
    with: 0,
};
/// How `rmcp-kctl status` ends: enforced, or no GPU that rmcp guards.
const ENFORCED: i32 = 0;
const NO_GPU: i32 = 3;

impl Finding {
    /// Everything that is not as promised.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures: Vec<String> = self.retry_failures().into_iter().collect();
        failures.extend(self.pte_failures());
        let expected = if self.guarded { ENFORCED } else { NO_GPU };
        if self.status_exit != expected {
            failures.push(format!(
                "rmcp-kctl status ended with {}, expected was {expected}",
                self.status_exit
            ));
        }
        for (scenario, failure) in &self.life {
            failures.extend(failure.as_ref().map(|why| format!("{scenario}: {why}")));
        }
        if !self.kernel_log_clean {
            failures.push(format!("the kernel's log has {:?}", self.kernel_log));
        }
        failures
    }

    fn retry_failures(&self) -> Option<String> {
        let (without, with) = (&self.noretry_bits_without, &self.noretry_bits_with);
        if !self.guarded {
            let written = without.all().all(|bit| bit.is_some());
            return (!written || without != with).then(|| {
                format!("the retry bits are not the driver's own: {without:?} and {with:?}")
            });
        }
        let bits = [without.common(), with.common()];
        (bits != [Some(1), Some(0)]).then(|| {
            format!("the retry bits are not 1 without rmcp and 0 with it: {without:?} and {with:?}")
        })
    }

    fn pte_failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let ordinary = self.ptes.iter().map(|pte| ("", pte));
        let coherent = self.coherent_ptes.iter();
        for (buffer, (request, pte)) in ordinary.chain(coherent.map(|pte| ("coherent ", pte))) {
            let expected = if buffer.is_empty() && *request == "CC" {
                REWRITTEN
            } else {
                Pte {
                    with: pte.without,
                    ..*pte
                }
            };
            if *pte != expected {
                failures.push(format!(
                    "{buffer}memory requested as {request} is {} without rmcp and {} with it",
                    pte.without, pte.with
                ));
            }
        }
        let whole = self.guarded && self.obstacle.is_none();
        for (buffer, ptes) in [("", &self.ptes), ("coherent ", &self.coherent_ptes)] {
            if whole && !ptes.contains_key("CC") {
                failures.push(format!("no {buffer}memory was requested as CC"));
            }
        }
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(bit: Option<u8>) -> RetryBits {
        RetryBits {
            gcvm: [bit; 15],
            mmvm: [bit; 15],
        }
    }

    const UNCACHED: Pte = Pte {
        without: 3,
        with: 3,
    };

    fn guarded() -> Finding {
        Finding {
            gc_version: "10.1.10".into(),
            chip: "navi10",
            guarded: true,
            noretry_bits_without: bits(Some(1)),
            noretry_bits_with: bits(Some(0)),
            obstacle: None,
            ptes: [("CC", REWRITTEN), ("UC", UNCACHED)].into(),
            coherent_ptes: [("CC", UNCACHED)].into(),
            status_exit: 0,
            life: [("rebind", None)].into(),
            kernel_log_clean: true,
            kernel_log: Vec::new(),
        }
    }

    fn control() -> Finding {
        Finding {
            guarded: false,
            noretry_bits_with: bits(Some(1)),
            ptes: BTreeMap::new(),
            coherent_ptes: BTreeMap::new(),
            status_exit: 3,
            ..guarded()
        }
    }

    #[test]
    fn what_was_promised_is_no_failure() {
        assert_eq!(guarded().failures(), [""; 0]);
        assert_eq!(control().failures(), [""; 0]);
    }

    #[test]
    fn each_promise_can_be_broken() {
        let edits: [fn(&mut Finding); 11] = [
            |f| f.noretry_bits_with.mmvm[14] = Some(1),
            |f| f.noretry_bits_with.gcvm[0] = None,
            |f| f.noretry_bits_without.gcvm[3] = Some(0),
            |f| f.ptes.get_mut("CC").unwrap().with = 2,
            |f| f.ptes.get_mut("UC").unwrap().with = 0,
            |f| f.coherent_ptes.get_mut("CC").unwrap().with = 0,
            |f| f.ptes.retain(|request, _| *request != "CC"),
            |f| f.coherent_ptes.clear(),
            |f| f.status_exit = 2,
            |f| f.kernel_log_clean = false,
            |f| f.life = [("rebind", Some("amdgpu is stuck".to_owned()))].into(),
        ];
        for edit in edits {
            let mut finding = guarded();
            edit(&mut finding);
            assert_eq!(finding.failures().len(), 1, "{:?}", finding.failures());
        }
    }

    #[test]
    fn a_control_must_stay_as_the_driver_has_it() {
        let edits: [fn(&mut Finding); 3] = [
            |f| f.noretry_bits_with.mmvm[14] = Some(0),
            |f| (f.noretry_bits_with, f.noretry_bits_without) = (bits(None), bits(None)),
            |f| f.status_exit = 0,
        ];
        for edit in edits {
            let mut finding = control();
            edit(&mut finding);
            assert_eq!(finding.failures().len(), 1, "{:?}", finding.failures());
        }
    }

    #[test]
    fn the_document_names_what_it_holds() {
        let document = serde_json::to_value(guarded()).unwrap();
        assert_eq!(document["gc_version"], "10.1.10");
        assert_eq!(document["noretry_bits_without"]["GCVM"][14], 1);
        assert_eq!(document["ptes"]["CC"]["without"], 2);
    }
}

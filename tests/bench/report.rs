//! The figures: as a table for people, as JSON for machines. Knows budgets as numbers only.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What a figure may be.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    budget: Budget,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Report {
    /// A figure with its budget.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        budget: Budget,
    ) {
        self.figures.push(Figure {
            name,
            // More places than these are noise.
            value: (value * 10_000.0).round() / 10_000.0,
            unit,
            budget,
        });
    }

    /// How figures were taken, and what they are made of.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// The table.
    pub(crate) fn print(&self) {
        say(&format!("\n  {:<28}{:>10}  {:<10}{:>12}  ", "figure", "value", "unit", "budget"));
        for figure in &self.figures {
            say(&figure.line());
        }
        say("");
        for note in &self.notes {
            say(&format!("  * {note}"));
        }
        let missed: Vec<&str> = self
            .figures
            .iter()
            .filter(|figure| !figure.is_within())
            .map(|figure| figure.name)
            .collect();
        if missed.is_empty() {
            say("\nEvery budget is kept.");
        } else {
            say(&format!("\nMISSED: {}", missed.join(", ")));
        }
    }

    /// The report.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let report: Value = self.figures.iter().map(Figure::to_json).collect();
        fs::write(file, format!("{report:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("The report is {}", file.display()));
        Ok(())
    }
}

impl Figure {
    fn is_within(&self) -> bool {
        match self.budget {
            Budget::AtMost(most) => self.value <= most,
            Budget::AtLeast(least) => self.value >= least,
        }
    }

    fn line(&self) -> String {
        let budget = match self.budget {
            Budget::AtMost(most) => format!("<= {most}"),
            Budget::AtLeast(least) => format!(">= {least}"),
        };
        let verdict = if self.is_within() { "kept" } else { "MISSED" };
        let places = if self.value.abs() < 1.0 { 4 } else { 2 };
        format!(
            "  {:<28}{:>10.places$}  {:<10}{budget:>12}  {verdict}",
            self.name, self.value, self.unit
        )
    }

    fn to_json(&self) -> Value {
        let (Budget::AtMost(budget) | Budget::AtLeast(budget)) = self.budget;
        json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "budget": budget,
            "within": self.is_within(),
        })
    }
}

/// Says one line. A closed terminal is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

//! `cargo xtask test`: every suite, one after the other, each with its time; a failure shows
//! its output and the others go on. Ends with one table and one line that CI reads.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    children::Children,
    codegen, licences, notices, repository,
    setup::{Needs, Setup},
    suites::{self, Kind, TestProgram},
    terminal::{Watch, say, say_heading, words},
    tidy, ui, windows,
};

/// The longest that one program of a suite may take.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs the tests; `quick`: rules and SQLite stories alone.
pub(crate) fn run(setup: &Setup<'_>, quick: bool) -> Result<()> {
    let started = Watch::start();
    setup.run(&Needs::everything())?;
    let mut run = Run { children: setup.children, suites: Vec::new(), prepared: started.elapsed() };
    run.rules(quick);
    let programs = run.build()?;
    run.programs("Unit and property tests", &programs, Kind::Unit);
    run.programs("Service stories on SQLite", &programs, Kind::Service);
    if !quick {
        run.programs("The lab itself", &programs, Kind::Lab);
        run.pages();
        run.programs("Stories in the portal", &programs, Kind::Portal);
        run.programs("Stories in the app's window", &programs, Kind::Desktop);
        run.programs("Stories on a Samba domain", &programs, Kind::Domain);
        run.windows(&programs);
    }
    run.conclude(&started)
}

/// A suite that ran.
struct Suite {
    name: &'static str,
    time: Duration,
    count: Count,
}

/// How many passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u32,
    failed: u32,
}

struct Run<'a> {
    children: &'a Children,
    suites: Vec<Suite>,
    prepared: Duration,
}

impl Run<'_> {
    /// The rules: tidy, format, lints, licences, and everything generated is current.
    fn rules(&mut self, quick: bool) {
        let children = self.children;
        let cargo = |arguments: &[&str]| {
            let mut command = Children::command(repository::cargo());
            command.args(arguments).current_dir(repository::root());
            command
        };
        self.suite("Rules", |suite| {
            suite.check("tidy", tidy::run);
            suite.check("format", || children.succeed(&mut cargo(&["fmt", "--all", "--check"])));
            suite.check("lints", || {
                let clippy =
                    ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"];
                children.succeed(&mut cargo(&clippy))
            });
            suite.check("licences, bans, sources", || licences::run(children));
            for folder in ["ui", "tests/ui"] {
                suite.check(&format!("types of {folder}"), || {
                    children.output(&mut ui::npm(folder, &["run", "--silent", "check"])).map(drop)
                });
            }
            if !quick {
                suite.check("notices are current", || notices::run(children, true));
                suite.check("API description is current", || codegen::run(children, true));
                suite.check("size of the pages", || {
                    children.output(&mut ui::npm("ui", &["run", "--silent", "size"])).map(drop)
                });
            }
        });
    }

    fn build(&mut self) -> Result<Vec<TestProgram>> {
        let watch = Watch::start();
        say_heading("Compiling programs and tests (about 8 minutes the first time)");
        let programs = suites::build(&["--workspace", "--all-targets"])?;
        for program in &programs {
            program.kind()?;
        }
        let time = watch.elapsed();
        say(&format!("{} test programs, {}", programs.len(), words(time)));
        self.suites.push(Suite { name: "Compiling", time, count: Count::default() });
        Ok(programs)
    }

    /// The pages' own tests: their units, and in Chromium.
    fn pages(&mut self) {
        let children = self.children;
        self.suite("The pages in Chromium", |suite| {
            suite.program(children, "ui", &mut ui::npm("ui", &["test"]));
            suite.program(children, "pages", &mut ui::npm("tests/ui", &["run", "test:pages"]));
        });
    }

    /// Cross-built, then run under Wine.
    fn windows(&mut self, programs: &[TestProgram]) {
        let children = self.children;
        self.suite("Compiling for Windows", |suite| {
            suite.check("programs for Windows", || windows::build(children));
            suite.check("installers", || windows::pack_for_tests(children));
        });
        self.programs("Stories on Windows (Wine)", programs, Kind::Windows);
    }

    fn programs(&mut self, name: &'static str, programs: &[TestProgram], kind: Kind) {
        let children = self.children;
        self.suite(name, |suite| {
            for program in programs {
                if program.kind().is_ok_and(|found| found == kind) {
                    let mut command = Children::command(&program.path);
                    command.current_dir(&program.folder);
                    let name = format!("{}-{}", program.package, program.name);
                    suite.program(children, &name, &mut command);
                }
            }
        });
    }

    fn suite(&mut self, name: &'static str, run: impl FnOnce(&mut Running)) {
        say_heading(name);
        let watch = Watch::start();
        let mut running = Running::default();
        run(&mut running);
        self.suites.push(Suite { name, time: watch.elapsed(), count: running.count });
    }

    /// The table, and the line that CI reads.
    fn conclude(&self, started: &Watch) -> Result<()> {
        say_heading("Summary");
        say(&format!("  {:<32}{:>12}{:>9}{:>9}", "suite", "time", "passed", "failed"));
        say(&format!("  {:<32}{:>12}", "Getting ready", words(self.prepared)));
        for suite in &self.suites {
            let Count { passed, failed } = suite.count;
            let time = words(suite.time);
            say(&format!("  {:<32}{time:>12}{passed:>9}{failed:>9}", suite.name));
        }
        say(&format!("  {:<32}{:>12}\n", "Together", started.words()));
        let passed: u32 = self.suites.iter().map(|suite| suite.count.passed).sum();
        let failed: u32 = self.suites.iter().map(|suite| suite.count.failed).sum();
        say(&format!("{passed} passed, {failed} failed"));
        if failed > 0 || passed == 0 {
            bail!("the logs are in {}", logs().display());
        }
        Ok(())
    }
}

/// A suite while it runs.
#[derive(Default)]
struct Running {
    count: Count,
}

impl Running {
    /// One rule.
    fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) {
        let watch = Watch::start();
        match check() {
            Ok(()) => {
                self.count.passed += 1;
                say(&format!("  {name}: kept ({})", watch.words()));
            }
            Err(error) => {
                self.count.failed += 1;
                say(&format!("  {name}: FAILED ({})\n{error:#}", watch.words()));
            }
        }
    }

    /// One program with many tests, its output in a log that is shown when one fails.
    fn program(&mut self, children: &Children, name: &str, command: &mut Command) {
        let watch = Watch::start();
        let (succeeded, output) = match run_logged(children, name, command) {
            Ok(done) => done,
            Err(error) => (false, format!("{error:#}")),
        };
        let mut count = count(&output);
        if !succeeded && count.failed == 0 {
            // It broke before, after or between its tests.
            count.failed = 1;
        }
        if count == Count::default() && succeeded {
            return;
        }
        self.count.passed += count.passed;
        self.count.failed += count.failed;
        let Count { passed, failed } = count;
        say(&format!("  {name}: {passed} passed, {failed} failed ({})", watch.words()));
        if failed > 0 {
            say(&output);
        }
    }
}

fn run_logged(children: &Children, name: &str, command: &mut Command) -> Result<(bool, String)> {
    let path = logs().join(format!("{name}.log"));
    fs::create_dir_all(logs()).with_context(|| format!("cannot make {}", logs().display()))?;
    let log =
        fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let outcome = children.run_logged(command, &log, LIMIT);
    let output = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    match outcome {
        Ok(succeeded) => Ok((succeeded, output)),
        Err(error) => Ok((false, format!("{output}\n{error:#}"))),
    }
}

fn logs() -> std::path::PathBuf {
    repository::target().join("test-logs")
}

/// What the closing lines of libtest, node's test runner and Playwright say.
fn count(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines().map(str::trim) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["test", "result:", _, passed, "passed;", failed, "failed;", ..] => {
                count.passed += passed.parse().unwrap_or(0);
                count.failed += failed.parse().unwrap_or(0);
            }
            ["#" | "ℹ", "pass", passed] => count.passed += passed.parse().unwrap_or(0),
            ["#" | "ℹ", "fail", failed] => count.failed += failed.parse().unwrap_or(0),
            [passed, "passed", time] if time.starts_with('(') => {
                count.passed += passed.parse().unwrap_or(0);
            }
            [failed, "failed"] => count.failed += failed.parse().unwrap_or(0),
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let libtest = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured";
        assert_eq!(count(libtest), Count { passed: 3, failed: 1 });
        let node = "ℹ tests 7\nℹ pass 7\nℹ fail 0";
        assert_eq!(count(node), Count { passed: 7, failed: 0 });
        let playwright = "  2 failed\n    [chromium] x\n  12 passed (34.5s)";
        assert_eq!(count(playwright), Count { passed: 12, failed: 2 });
    }
}

//! For Windows: who made the program, and the texts of its events.

#[path = "../os-windows/build/resource.rs"]
mod resource;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    resource::compile("Regain Agent", &[31_000, 32_000, 33_000, 34_000])
}

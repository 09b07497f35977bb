/// Whose fault a failure is. The command line turns it into an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// What was asked for cannot be done with this input.
    BadInput,
    /// The machine or the network lacks something: a tool, a node, funds, time.
    Environment,
    /// A check was carried out and refused.
    Invalid,
    /// A defect of this program.
    Internal,
}

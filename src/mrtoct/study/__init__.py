"""The paper's study on any prepared cohort: every experiment trained, judged and compared."""

"""Made-up applications with a known truth: what there is (`world`), and a year of what happens (`people`, `stays`,
`sensors`, `marketing`), drawn from one seed by numpy, without a loop over rows."""

// How good a hit of the search is. Sphinx's own weights, but pages that name everything, such as the
// changes and the generated lists, come after those that explain it.
var Scorer = {
  score: (result) => {
    const [docname, , anchor, , score] = result;
    const lists = { changes: 60, "recipe-keys": 20, commands: 8, benchmarks: 8 };
    return score - (lists[docname] || 0) + (anchor ? 0 : 1);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

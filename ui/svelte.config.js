// Scoped styles would need no CSP exception either, but all styling lives in src/styles.
export default {
  compilerOptions: { runes: true, css: "external" },
};

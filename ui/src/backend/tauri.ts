// The app's way to the service: one Tauri command per call. The token, the proof of work and
// the sealing are the Rust side's; nothing is kept here.

import { invoke } from "@tauri-apps/api/core";

import { type Backend, DRAWS } from "./backend";

export function backend(): Backend {
  return {
    start: () => invoke("start"),
    begin: (userId, reason) => {
      const language = document.documentElement.lang;
      return invoke("begin", { userId, reason, language, draws: DRAWS });
    },
    changeUserId: (userId) => invoke("change_user_id", { userId }),
    chooseMethod: (method) => invoke("choose_method", { method }),
    enterCode: (code) => invoke("enter_code", { code }),
    chooseAct: (act) => invoke("choose_act", { act }),
    setPassword: (password) => invoke("set_password", { password }),
    changePassword: (present, password) => invoke("change_password", { present, password }),
    back: () => invoke("back"),
    cancel: () => invoke("cancel"),
    watch: (revision) => invoke("watch", { revision }),
    acceptsNewPassword: (connect) => invoke("accepts_new_password", { connect }),
    leave: () => invoke("leave"),
  };
}

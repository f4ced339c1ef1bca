// Picks the backend of this build, sets language and appearance, and draws. The first page is
// drawn without waiting for the network.

import { mount } from "svelte";

import "./styles/index.css";
import App from "./App.svelte";
import { appearance } from "./appearance.svelte";
import { hosted } from "./backend/backend";
import { backend as http } from "./backend/http";
import { backend as tauri } from "./backend/tauri";
import { Flow } from "./flow.svelte";
import { locale, preferredLanguage } from "./i18n.svelte";

if (hosted) appearance.mode = "sign-in";
appearance.apply();
await locale.use(preferredLanguage());

const flow = new Flow(import.meta.env.MODE === "portal" ? http() : tauri());
const target = document.getElementById("app");
if (target) mount(App, { target, props: { flow } });
void flow.start();

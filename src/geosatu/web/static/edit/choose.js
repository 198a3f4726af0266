// The list of layers to add to, with what has not been sent yet.

import { Outbox } from "./outbox.js";
import { Service } from "./service.js";
import { Unsent } from "./unsent.js";

const config = JSON.parse(document.getElementById("unsent").textContent);
const outbox = new Outbox(new Service(config), () => unsent.show());
const unsent = new Unsent(document.querySelector(".unsent"), outbox, config.root);

// The view of the map goes along to the form.
for (const link of document.querySelectorAll("[data-add]")) link.hash = location.hash;
outbox.flush();

import "./index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { keepDroppedFilesOut } from "./app/droppedFiles";

const root = document.getElementById("console");
if (!root) throw new Error("index.html has an element with the id console");
keepDroppedFilesOut();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

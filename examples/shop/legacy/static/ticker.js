// Shows each order as it is placed, from the shop's WebSocket; connects again when it is cut.
"use strict";
(() => {
  const ticker = document.getElementById("ticker");
  const text = document.getElementById("ticker-text");
  const connect = () => {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ticker`);
    socket.onopen = () => ticker.classList.add("live");
    socket.onmessage = (event) => {
      const news = JSON.parse(event.data);
      text.textContent = `Order ${news.ORD_NO} from ${news.CITY}, $${(Number(news.TOT_AMT) / 100).toFixed(2)}`;
      ticker.dataset.count = String(Number(ticker.dataset.count) + 1);
    };
    socket.onclose = () => {
      ticker.classList.remove("live");
      setTimeout(connect, 2000);
    };
  };
  connect();
})();
